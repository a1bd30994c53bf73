"""Makes `.venv` from `requirements.lock`, then becomes the `inv` in it.

Run by the wrapper script `inv` with whatever python3 the machine has, so it
imports only the standard library and the few modules of this project that do
the same. Everything said goes to stderr: stdout belongs to the task.

Python environments cannot be moved, so `.venv` is made in place. Two at once:
a kernel lock, which the child processes hold too, so that it is free only
when nobody writes into `.venv` any more. A kill at any point: `.venv/.complete`
is removed first and written last, and what lacks it is made anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

if __name__ == "__main__":
    # Python put this file's own directory first, where modules have the names of others.
    sys.path[0] = str(ROOT / "src")

from hostonly.errors import HostonlyError, ToolFailed  # noqa: E402
from hostonly.events import Event  # noqa: E402

STAMPED = ("requirements.lock", "pyproject.toml")

# Settings of the caller's pip that would put packages elsewhere than into .venv, or
# variables that would let python see packages from elsewhere. Index, proxy, certificate
# and cache settings (PIP_INDEX_URL, PIP_CERT, HTTPS_PROXY, ...) are kept.
MISLEADING = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_PYTHON",
    "PIP_REQUIREMENT",
    "PIP_CONSTRAINT",
    "PIP_NO_DEPS",
    "PIP_DRY_RUN",
)

PIP_SECONDS = 1200

# The lock is complete, so nothing is resolved; wheels only, so nothing is built. Python compiles
# each module when it is first imported: all 55 packages at once would take half of the time.
INSTALL_PINNED = shlex.split(
    "install --quiet --no-compile --no-deps --require-hashes --only-binary :all: --requirement"
)
# The build backend is among the pinned packages, so nothing is fetched.
INSTALL_EDITABLE = shlex.split(
    "install --quiet --no-deps --no-build-isolation --no-index --force-reinstall --editable"
)


def say(text: str) -> None:
    """One line of progress, on stderr."""
    print(f"inv: {text}", file=sys.stderr, flush=True)


def show(event: Event) -> None:
    """The `Emit` of the bootstrap: every event is a line."""
    for name in ("what", "line"):
        text = getattr(event, name, None)
        if text:
            say(text)


def stamp(root: Path) -> dict[str, bytes]:
    """What `.venv/.complete` holds when `.venv` is up to date; the wrapper compares the same."""
    python = root / ".venv" / "bin" / "python"
    return {
        "made": f"{root}\n{python.resolve()}\n".encode(),
        **{name: (root / name).read_bytes() for name in STAMPED},
    }


def differing(root: Path) -> list[str]:
    """The parts of the stamp that are absent or out of date; all of them when `.venv` is unusable."""
    venv = root / ".venv"
    wanted = stamp(root)
    if venv.is_symlink() or not (venv / "bin" / "python").exists():
        return list(wanted)
    wrong = []
    for name, content in wanted.items():
        try:
            if (venv / ".complete" / name).read_bytes() != content:
                wrong.append(name)
        except OSError:
            wrong.append(name)
    if not (venv / "bin" / "inv").is_file() and "pyproject.toml" not in wrong:
        wrong.append("pyproject.toml")
    return wrong


def pip_pin(lock: str) -> tuple[str, set[str]]:
    """The version of pip that `lock` pins, and the sha256 digests of its files.

    Raises `HostonlyError` when it pins none.
    """
    found = re.search(r"^pip==(\S+)((?:\s*\\\n\s+--hash=sha256:[0-9a-f]{64})+)", lock, re.MULTILINE)
    if not found:
        raise HostonlyError("requirements.lock pins no pip")
    return found[1], set(re.findall(r"sha256:([0-9a-f]{64})", found[2]))


def bundled_pip() -> Path | None:
    """The wheel of pip that came with this python, where there is one.

    Debian keeps it in python3-pip-whl, which python3-venv brings.
    """
    import importlib.util
    import sysconfig

    places = []
    ensurepip = importlib.util.find_spec("ensurepip")
    if ensurepip and ensurepip.origin:
        places.append(Path(ensurepip.origin).parent / "_bundled")
    distribution = sysconfig.get_config_var("WHEEL_PKG_DIR")
    if distribution:
        places.append(Path(distribution))
    for place in places:
        # Hash checking and editable installs by PEP 660 came with 21.3.
        wheels = [w for w in place.glob("pip-*.whl") if _version(w.name) >= (21, 3)]
        if wheels:
            return max(wheels, key=lambda wheel: _version(wheel.name))
    return None


def _version(wheel: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", wheel.split("-")[1])[:3])


def fetched_pip(lock: str, into: Path) -> Path:
    """Fetch the pinned pip from the package index; its digest is checked.

    Certificates and proxies are those of the environment. Raises `ToolFailed`.
    """
    import html
    import ssl
    import urllib.error
    import urllib.parse
    import urllib.request

    version, digests = pip_pin(lock)
    name = f"pip-{version}-py3-none-any.whl"
    index = os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    page = index.rstrip("/") + "/pip/"
    certificates = os.environ.get("PIP_CERT") or None
    try:
        trust = ssl.create_default_context(cafile=certificates)
        with urllib.request.urlopen(page, timeout=60, context=trust) as answer:
            base, text = answer.geturl(), answer.read().decode("utf-8", "replace")
        links = re.findall(r'href\s*=\s*["\']([^"\']*/' + re.escape(name) + r"[^\"']*)", text)
        if not links:
            raise ToolFailed(f"the package index has no {name}", ran=f"GET {page}")
        link = urllib.parse.urljoin(base, html.unescape(links[0]))
        with urllib.request.urlopen(link, timeout=60, context=trust) as answer:
            content = answer.read()
    except (OSError, ValueError) as error:
        # URLError is an OSError; an index URL that makes no sense is a ValueError.
        reason = getattr(error, "reason", error)
        raise ToolFailed(
            f"pip cannot be fetched from the package index: {reason}", ran=f"GET {page}"
        ) from error
    if hashlib.sha256(content).hexdigest() not in digests:
        raise ToolFailed(f"{name} from the package index is not the pinned one", ran=f"GET {page}")
    wheel = into / name
    wheel.write_bytes(content)
    return wheel


def find_pip(lock: str, into: Path) -> Path:
    """A wheel of pip: the one python brought, else the pinned one from the index, else Debian's.

    Raises `HostonlyError` when none can be had; its remedy is the apt-get line.
    """
    wheel = bundled_pip()
    if wheel:
        return wheel
    say("python3 has no venv package here: fetching pip")
    try:
        return fetched_pip(lock, into)
    except ToolFailed as error:
        from hostonly.host import packages

        say(str(error).replace("\n", "; "))
        packages.install(["python3-venv"], show, root=ROOT)
        # Just installed, so this python has not looked there yet.
        import importlib

        importlib.invalidate_caches()
        wheel = bundled_pip()
        if wheel:
            return wheel
        raise HostonlyError(
            f"this python ({sys.executable}) has no pip and none can be fetched",
            remedy="Put Debian's own python3 first on PATH, or give this one its ensurepip.",
        ) from error


def run(command: Sequence[str], lock_file: int, what: str) -> None:
    """Run one step, quiet unless it fails. Raises `ToolFailed` with its last lines."""
    environment = {k: v for k, v in os.environ.items() if k not in MISLEADING}
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    environment["PIP_NO_INPUT"] = "1"
    # python's own downloads honour SSL_CERT_FILE; older pips know only their own names for it.
    if "SSL_CERT_FILE" in environment and "REQUESTS_CA_BUNDLE" not in environment:
        environment.setdefault("PIP_CERT", environment["SSL_CERT_FILE"])
    shown = shlex.join(command)
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=[lock_file],
        )
    except OSError as error:
        raise ToolFailed(f"{what}: cannot be run: {error.strerror}", ran=shown) from error
    try:
        output, _ = process.communicate(timeout=PIP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ToolFailed(f"{what}: took longer than {PIP_SECONDS} s", ran=shown) from error
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise ToolFailed(
            f"{what}: exit {process.returncode}",
            ran=shown,
            output=output,
            remedy="When the package index was out of reach: check network, proxy and "
            "certificates, then run it again; what is half-made is made anew.",
        )


def make(root: Path, lock_file: int) -> None:
    """Bring `.venv` up to date. Raises `HostonlyError`."""
    wrong = differing(root)
    if not wrong:
        return
    venv = root / ".venv"
    python = str(venv / "bin" / "python")
    complete = venv / ".complete"
    lock = (root / "requirements.lock").read_text()
    if wrong != ["pyproject.toml"]:
        say("making .venv (once; about 20 s)")
        if venv.is_symlink() or venv.is_file():
            venv.unlink()
        elif venv.exists():
            # Without its stamp first, so that a kill in the middle is noticed.
            shutil.rmtree(complete, ignore_errors=True)
            shutil.rmtree(venv)
        # sys.executable may be a shim's; venv itself resolves what is behind it.
        run(
            [sys.executable, "-I", "-m", "venv", "--without-pip", str(venv)],
            lock_file,
            "making .venv",
        )
        pip = find_pip(lock, venv)
        count = len(re.findall(r"^\S+==", lock, re.MULTILINE))
        say(f"installing {count} pinned Python packages into .venv")
        run(
            [python, f"{pip}/pip", *INSTALL_PINNED, str(root / "requirements.lock")],
            lock_file,
            "installing the pinned Python packages",
        )
        if pip.parent == venv:
            pip.unlink()
    shutil.rmtree(complete, ignore_errors=True)
    # Last, so that `inv` in .venv/bin is this project's and not Invoke's own.
    run(
        [python, "-m", "pip", *INSTALL_EDITABLE, str(root)],
        lock_file,
        "installing hostonly into .venv",
    )
    half = venv / ".complete.new"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    for name, content in stamp(root).items():
        (half / name).write_bytes(content)
    # Packages before the stamp that vouches for them, also over a power cut.
    os.sync()
    half.rename(complete)
    say(".venv is complete")


def locked(root: Path) -> int:
    """Take the lock of `.venv`, waiting for another `./inv`; freed when its holders end."""
    import fcntl

    state = root / ".hostonly"
    state.mkdir(exist_ok=True)
    lock_file = os.open(state / "venv.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another ./inv that is making .venv")
        fcntl.flock(lock_file, fcntl.LOCK_EX)
    return lock_file


def _interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Make `.venv` if need be and run its `inv` in place of this process; else an exit code."""
    # A SIGTERM must not leave pip running behind our back.
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        lock_file = locked(ROOT)
        make(ROOT, lock_file)
        os.close(lock_file)
    except KeyboardInterrupt:
        say("interrupted; the next ./inv goes on from here")
        return 130
    except HostonlyError as error:
        print(f"inv: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        say(f"{error.strerror}: {error.filename}")
        if isinstance(error, PermissionError):
            say("the checkout must be writable; did another user make its .venv or .hostonly?")
        return 3
    python = str(ROOT / ".venv" / "bin" / "python")
    os.execv(python, [python, str(ROOT / ".venv" / "bin" / "inv"), *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
