"""Whether the kernel lets root of the vantage give IPVS commands: asked by netlink.

Kernels before "ipvs: allow netlink configuration from non-initial user namespace" take IPVS's
commands from root of the first user namespace only, whoever the network belongs to. Root of any
other is told "Operation not permitted", as is an engine in there: it logs "Failed to create a new
service for vip", makes everything else, and each member then refuses connections to the published
port (moby issue 26106). Seen with Linux 6.1 and Docker 20.10.24.

So a command is tried that changes nothing, IPVS_CMD_GET_INFO, which needs the same right as all. No
tool of the sandbox's does that; perl-base, which does, is in every Debian. Sources:
include/uapi/linux/netlink.h, genetlink.h and ip_vs.h (the message), genl(8) (the family's number),
perlfunc(1): socket, pack."""

from __future__ import annotations

from hostonly.facts.fact import Unreadable
from hostonly.facts.questions import Question, question

# Netlink's header (16 bytes: length, family, NLM_F_REQUEST, sequence, port) and generic netlink's (4: command
# 15, version 1). The answer is the information, or of type NLMSG_ERROR (2) with the number of the error.
ASK = (
    r"id=$(genl ctrl get name IPVS | sed -n 's/.*ID: \(0x[0-9a-f]*\) .*/\1/p') && test $id && perl -e '"
    'alarm 10; socket($s, 16, 3, 16) || die "$!\\n"; '
    'send($s, pack("LSSLLCCS", 20, hex shift, 1, 1, 0, 15, 1, 0), 0) || die "$!\\n"; '
    'recv($s, $answer, 4096, 0); ($type, $error) = unpack("x4 S x10 l", $answer); '
    '$! = -$error; print $type == 2 ? "$!\\n" : "allowed\\n"\' $id'
)
SAID = {"allowed": True, "Operation not permitted": False}


def ipvs_allowed() -> Question[bool]:
    """Ask whether root of the vantage, whose kernel has IPVS, may tell it what to do.

    It is tried in a network of its own, which ends with the attempt."""
    return question(["unshare", "--net", "sh", "-c", ASK], parse, root=True)


def parse(output: str) -> bool:
    """Read the kernel's answer, which is yes or no."""
    try:
        return SAID[output.strip()]
    except KeyError:
        raise Unreadable(repr(output[:80])) from None
