"""A Docker engine on this machine itself, for as long as a test needs one.

It is the sandbox's own dockerd, run from the base on the host: a user's engine, if there is one, is
left alone, and the network too (no bridge, no rules), unless it is on a `HostOfOwn`. It reads the
machine's real /etc/docker/certs.d.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hostonly.providers.lxc import base
from hostonly.waiting import until
from tests.checkout import ROOT
from tests.integration.host_of_own import HostOfOwn
from tests.integration.turns import ETC_DOCKER, turn

SECONDS = 90.0
LIBRARIES = f"{os.uname().machine}-linux-gnu"
KEY = Path("/etc/docker/key.json")


@dataclass(frozen=True)
class HostEngine:
    """The engine whose files are in ``folder``."""

    folder: Path
    rootfs: Path
    process: subprocess.Popen[bytes]

    def docker(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``docker WORDS`` on this machine, as somebody would type it with -H."""
        return subprocess.run(
            [self.rootfs / "usr/bin/docker", "-H", f"unix://{self.folder}/docker.sock", *words],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """What its programs are run with."""
        return _environment(self.folder, self.rootfs)

    def configure(self, settings: dict[str, object]) -> None:
        """Change daemon.json (the engine's own, in its folder) and reload."""
        (self.folder / "daemon.json").write_text(json.dumps(settings))
        self.process.send_signal(signal.SIGHUP)
        log = self.folder / "log"
        assert until(lambda: "Reloaded configuration" in log.read_text(), bool, SECONDS), (
            log.read_text()[-2000:]
        )


def _environment(folder: Path, rootfs: Path) -> dict[str, str]:
    """The base's programs with their own libraries, and no configuration of the user's."""
    return {
        "PATH": f"{rootfs}/usr/bin:{rootfs}/usr/sbin:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": f"{rootfs}/usr/lib/{LIBRARIES}",
        "DOCKER_CONFIG": str(folder / "config"),
    }


def _no_network() -> dict[str, object]:
    return {
        "bridge": "none",
        **dict.fromkeys(("iptables", "ip6tables", "ip-forward", "ip-masq"), "false"),
    }


def _own_iptables(folder: Path, rootfs: Path) -> dict[str, str]:
    """The base's iptables under the names that dockerd knows, with its own matches and targets."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name in ("iptables", "ip6tables"):
        link = programs / name
        link.unlink(missing_ok=True)
        link.symlink_to(rootfs / "usr/sbin/xtables-nft-multi")
    environment = _environment(folder, rootfs)
    return environment | {
        "PATH": f"{programs}:{environment['PATH']}",
        "XTABLES_LIBDIR": f"{rootfs}/usr/lib/{LIBRARIES}/xtables",
    }


@contextmanager
def host_engine(folder: Path, on: HostOfOwn | None = None) -> Iterator[HostEngine]:
    """An engine with all its data in ``folder``, ended and cleared away with the context; one at a time.

    ``on`` a host of its own it has docker0 and its firewall rules, as it is by default; what it made of
    them stays there after its end, as ever.
    """
    with turn(ETC_DOCKER), _started(folder, on) as engine:
        yield engine


@contextmanager
def _started(folder: Path, on: HostOfOwn | None) -> Iterator[HostEngine]:
    rootfs = base.current(ROOT).rootfs
    had_folder, had_key = KEY.parent.exists(), KEY.exists()
    (folder / "daemon.json").write_text("{}")
    flags = {
        "config-file": folder / "daemon.json",
        "data-root": folder / "data",
        "exec-root": folder / "exec",
        "pidfile": folder / "pid",
        "host": f"unix://{folder}/docker.sock",
        "storage-driver": "vfs",
        "userland-proxy": "false",
        **(_no_network() if on is None else {}),
    }
    program = next(
        p for p in (rootfs / "usr/sbin/dockerd", rootfs / "usr/bin/dockerd") if p.exists()
    )
    # It starts itself again without an environment, so a library this machine has not got must be
    # where everybody looks: seen by this one process, in a mount namespace of its own.
    own = Path("/usr/lib", LIBRARIES)
    lacking = f"lowerdir={own}:{rootfs}{own} {own}"
    # Not the base's mount: set-uid, it would be somebody without rights.
    within = f'/usr/bin/mount -t overlay overlay -o {lacking} && exec "$0" "$@"'
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(on.entered if on is not None else ()),
                *("/usr/bin/unshare", "--mount", "/bin/sh", "-c", within),
                *(str(program), *(f"--{name}={value}" for name, value in flags.items())),
            ],
            env=_environment(folder, rootfs) if on is None else _own_iptables(folder, rootfs),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    engine = HostEngine(folder, rootfs, process)
    try:
        until(
            lambda: engine.docker("version").returncode == 0 or process.poll() is not None,
            bool,
            SECONDS,
        )
        assert engine.docker("version").returncode == 0, (folder / "log").read_text()[-2000:]
        yield engine
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(folder / "data", ignore_errors=True)
        # dockerd 20.10 makes itself a key beside certs.d, wherever its other files are.
        if not had_key:
            KEY.unlink(missing_ok=True)
        if not had_folder and KEY.parent.is_dir() and not any(KEY.parent.iterdir()):
            KEY.parent.rmdir()
