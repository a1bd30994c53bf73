"""The reason why a download failed, as one sentence and a next step.

It is found in the output of apt-get, mmdebstrap, pip or Maven and in the machine's proxies. Only
the standard library is imported: the bootstrap uses this module before there is a ``.venv``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from hostonly.errors import bare
from hostonly.host import proxies
from hostonly.host.proxies import Proxy

TOOLS = ("apt-get", "mmdebstrap", "mvn", "pip")

# Reasons why there is no answer, or a refusal; the most telling one comes first.
_REASONS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b407 +Proxy Authentication Required|proxy authentication failed",
        r"\b(?:403 +Forbidden|50[0-4] +[A-Z]\w+(?: [A-Z]\w+)*)",
        r"Connection refused|No route to host|Network is unreachable|Connection reset by peer",
        r"Could not resolve '[^']+'|Temporary failure (?:in name resolution|resolving '[^']+')",
        r"Failed to resolve '[^']+'|Name or service not known",
        r"(?i:(?:connection|connect|read|handshake)?\s?timed out)",
        r"Invalid response from proxy: [^\[\n]{1,60}",
        r"(?:Could not connect|Unable to connect) to [^\s:]+:\d+|Connection failed",
        # pip says no more where it may not try again.
        r"\(from versions: none\)",
    )
)
_BY_A_PROXY = re.compile(
    r"(?i:proxy authentication|from proxy|tunnel connection failed|to proxy|proxyerror)"
)

_CERTIFICATE = re.compile(
    r"(?i:certificate verif(?:y|ication) failed|certificate_verify_failed|PKIX path \w+ failed"
    r"|certificate is NOT trusted|No subject alternative|doesn't match any of the subject alternative"
    r"|No system certificates available|trustAnchors parameter must be non-empty"
    r"|problem confirming the ssl certificate)"
)
_OTHER_TIME = re.compile(r"(?i:expired|not (?:yet )?(?:valid|activated)|validity check failed)")
_OTHER_NAME = re.compile(
    r"(?i:hostname mismatch|does not match|doesn't match|No subject alternative|not valid for ')"
)
_PLACE = re.compile(r"https://(?:[^/@\s]*@)?([\w.:\[\]-]+?)/|host='([^']+)', port=(\d+)")

# Lines that tell the reason, and lines that tools end with, whatever happened.
_TELLING = re.compile(
    r"(?:E|W|Err:\d+): |ERROR: |\[ERROR\] \S|WARNING: Retrying|Could not fetch URL|fatal: "
)
_ADVICE = re.compile(
    r"\[ERROR\] (?:To see the full|Re-run Maven|For more information|\[Help \d+\])|E: mmdebstrap failed to run"
)

_STORE = (
    "If a proxy or mirror of yours signs with an authority of its own: put that one's certificate into "
    "/usr/local/share/ca-certificates/NAME.crt, then: sudo update-ca-certificates"
)
_FOR_TOOL = {
    "mvn": " (with the package ca-certificates-java, so that Java gets it too). A JDK that is not Debian's: "
    "export MAVEN_OPTS=-Djavax.net.ssl.trustStore=/etc/ssl/certs/java/cacerts",
    "pip": " and: export PIP_CERT=/etc/ssl/certs/ca-certificates.crt",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failed download: ``what`` is the sentence, ``remedy`` the next step."""

    what: str
    remedy: str


def tool_in(command: Sequence[str]) -> str | None:
    """Return which of ``TOOLS`` ``command`` runs, also behind ``env``, ``sudo`` and a shell."""
    names = [PurePath(word).name for word in command]
    return next((name for name in names if name in TOOLS), None)


def telling(output: str) -> str:
    """Return the lines of ``output`` that tell why a tool failed, each once; all if none does."""
    lines = [line for line in bare(output).splitlines() if _TELLING.match(line)]
    lines = [line for line in dict.fromkeys(lines) if not _ADVICE.match(line)]
    return "\n".join(lines) if lines else output


def trouble(command: Sequence[str], output: str, environ: Mapping[str, str]) -> Trouble | None:
    """Return what kept ``command`` from downloading, by its ``output`` and its ``environ``.

    None where it is no tool that downloads, or something else was wrong.
    """
    tool = tool_in(command)
    if tool is None:
        return None
    output = bare(output)
    if "is not a trusted or secure host" in output:
        # pip's own word on an index in plain HTTP, which it does not even ask.
        return None
    if found := _CERTIFICATE.search(output):
        return _untrusted(tool, output, found)
    reason = next((found[0] for each in _REASONS if (found := each.search(output))), None)
    if reason is None:
        return None
    set_for_it = proxies.named(tool, environ, output)
    culprits = [proxy for proxy in set_for_it if proxy.told_in(output)]
    if not culprits and (_BY_A_PROXY.search(output) or reason.startswith("(from")):
        culprits = set_for_it
    if culprits:
        return _by(culprits, reason)
    if _BY_A_PROXY.search(output):
        return Trouble(
            f"a proxy that {tool} was told of in its own settings stood in the way: {reason}",
            "Look at it there: " + ("~/.m2/settings.xml" if tool == "mvn" else "pip config list"),
        )
    return _unheeded(tool, reason, command, environ)


def _by(culprits: Sequence[Proxy], reason: str) -> Trouble:
    which = " and ".join(dict.fromkeys(map(str, culprits)))
    if "407" in reason or "authentication" in reason:
        return Trouble(
            f"the proxy wants a login that it was not given, or another one: {which}",
            "Put name and password into its URL: http://NAME:PASSWORD@HOST:PORT",
        )
    if re.match(r"\d{3}|Invalid", reason):
        said, what_next = f"the proxy answers {' '.join(reason.split())}", "Ask whoever runs it."
    elif reason.startswith("(from"):
        said, what_next = (
            "nothing came, and it would have come by the proxy",
            "Is it right, and up?",
        )
    else:
        said, what_next = f"the proxy does not answer ({reason})", "Is it right, and up?"
    names = [proxy.setting for proxy in culprits if proxy.variable]
    without = (
        f"   Without it: env {' '.join(f'-u {name}' for name in names)} ./inv …" if names else ""
    )
    return Trouble(f"{said}: {which}", what_next + without)


def _unheeded(
    tool: str, reason: str, command: Sequence[str], environ: Mapping[str, str]
) -> Trouble | None:
    """Return that a proxy which is set and which ``tool`` ignores may be the reason; else None."""
    if re.match(r"\d{3}", reason):
        # Somebody has answered: the mirror itself.
        return None
    heeded = proxies.named(tool, environ) if command[0] == "sudo" else []
    kept_back = [proxy for proxy in heeded if proxy.variable]
    others = proxies.unheeded(tool, environ)
    if kept_back:
        why = f"sudo hands it on to nobody: {kept_back[0]}"
        remedy = f"sudo visudo, and: Defaults env_keep += {kept_back[0].setting!r}"
    elif others and tool == "mvn":
        why = f"Maven does not look at it: {others[0]}"
        remedy = "Name the proxy in ~/.m2/settings.xml, in a <proxy>"
    elif others:
        why = f"{tool} does not look at it: {others[0]}"
        remedy = "If it is needed: export http_proxy=… (in small letters)"
    else:
        return None
    return Trouble(f"nobody answers ({reason}), and a proxy is set, but {why}", remedy)


def _untrusted(tool: str, output: str, found: re.Match[str]) -> Trouble:
    line = next(line for line in output.splitlines() if found[0] in line)
    place = _PLACE.search(line) or _PLACE.search(output)
    of = f" of {place[1] or f'{place[2]}:{place[3]}'}" if place else ""
    if _OTHER_NAME.search(line):
        return Trouble(
            f"the certificate{of} is made out to another name",
            "Something answers in its place: a proxy, or a network's login page",
        )
    if _OTHER_TIME.search(line):
        return Trouble(
            f"the certificate{of} is not valid at this machine's time",
            "Is the clock right (date)? Else whoever runs that server or proxy must renew it",
        )
    return Trouble(
        f"the certificate{of} is not trusted on this machine", _STORE + _FOR_TOOL.get(tool, "")
    )
