"""The wrapper and the bootstrap, without a network: pip and venv are not run here."""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from hostonly.bootstrap import stamp, step, venv, wheel
from hostonly.errors import HostonlyError, ToolFailed
from hostonly.flock import Lock
from hostonly.process import kill, start

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout, in a path with a space, whose .venv is complete and whose `inv` says its argv."""
    root = tmp_path / "a b" / "check out"
    (root / ".venv" / "bin").mkdir(parents=True)
    for name in ("inv", *stamp.STAMPED):
        shutil.copy(ROOT / name, root / name)
    (root / ".venv" / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    (root / ".venv" / "bin" / "inv").write_text("import sys; print('fast', sys.argv[1:])")
    complete = root / ".venv" / ".complete"
    complete.mkdir()
    for name, content in stamp.stamp(root).items():
        (complete / name).write_bytes(content)
    # Stands where the bootstrap would be, and says that the slow way was taken.
    slow = root / "src" / "hostonly" / "bootstrap" / "__main__.py"
    slow.parent.mkdir(parents=True)
    slow.write_text("import sys; print('slow', sys.argv[1:])")
    return root


def wrapper(script: Path | str, *arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run([script, *arguments], capture_output=True, text=True, check=True, cwd=cwd)
    assert done.stderr == ""
    return done.stdout.rstrip("\n")


def test_complete_is_fast_and_arguments_survive(checkout: Path) -> None:
    given = ["a  b", "", "--", '"q"', "$HOME"]
    assert wrapper(checkout / "inv", *given) == f"fast {given}"
    assert stamp.differing(checkout) == []


def test_found_through_links_and_from_elsewhere(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(checkout / "inv")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "two").symlink_to("../one")
    assert wrapper(tmp_path / "sub" / "two", cwd=Path("/")) == "fast []"
    assert wrapper("./inv", cwd=checkout) == "fast []"


@pytest.mark.parametrize("owner", [54321, 65534], ids=["an id without a name", "nobody"])
def test_root_stays_root_where_the_owner_could_not_work(checkout: Path, owner: int) -> None:
    """Neither a way to log in, nor a home; what is as an ordinary user is tried with one made for it."""
    if os.geteuid() != 0:
        pytest.skip("only root gives files to others")
    shutil.copy(
        ROOT / "src" / "hostonly" / "bootstrap" / "as-owner", checkout / "src/hostonly/bootstrap"
    )
    os.chown(checkout, owner, owner)
    (checkout / ".venv" / "bin" / "inv").write_text(
        "import os, sys; print(os.getuid(), sys.argv[1:])"
    )
    given = ["a  b", "", "--", '"q"', "$HOME"]
    assert wrapper(checkout / "inv", *given) == f"0 {given}"


@pytest.mark.parametrize("name", stamp.STAMPED)
def test_a_changed_file_is_noticed(checkout: Path, name: str) -> None:
    with (checkout / name).open("a") as file:
        file.write("\n# changed\n")
    assert wrapper(checkout / "inv", "x") == "slow ['x']"
    assert stamp.differing(checkout) == [name]


def test_half_made_is_noticed(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv" / ".complete")
    assert wrapper(checkout / "inv") == "slow []"
    assert "made" in stamp.differing(checkout)


def test_a_move_is_noticed(checkout: Path) -> None:
    moved = checkout.rename(checkout.with_name("elsewhere"))
    assert wrapper(moved / "inv") == "slow []"
    assert stamp.differing(moved) == ["made"]


def test_a_python_that_is_gone_or_another_is_noticed(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    assert wrapper(checkout / "inv") == "slow []"
    assert "made" in stamp.differing(checkout)
    python.symlink_to("/bin/sh")
    assert wrapper(checkout / "inv") == "slow []"
    assert "made" in stamp.differing(checkout)


def test_no_python_is_said(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3").write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    (tools / "python3").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", checkout / "inv", "up"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "3.11 or later; found: Python 3.9.2" in done.stderr


def test_the_wrapper_is_plain_sh() -> None:
    subprocess.run(["/bin/sh", "-n", ROOT / "inv"], check=True)
    assert os.access(ROOT / "inv", os.X_OK)


def test_the_lock_pins_all_by_hash_and_names_no_place() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--find-links" not in lock and "index" not in lock
    entries = [line for line in lock.splitlines() if line and line[0] not in " #"]
    assert entries and all("==" in line and line.endswith("\\") for line in entries)
    version, digests = wheel.pip_pin(lock)
    assert version[0].isdigit() and digests


def test_a_lock_without_pip() -> None:
    with pytest.raises(HostonlyError, match="pins no pip"):
        wheel.pip_pin("rich==1.0 \\\n    --hash=sha256:" + "0" * 64)


class Answer(io.BytesIO):
    """An index's answer at ``url``."""

    def __init__(self, url: str, content: bytes) -> None:
        super().__init__(content)
        self.url = url

    def geturl(self) -> str:
        return self.url


class Index:
    """A package index that serves `content`, which it has at `files`."""

    def __init__(self, content: bytes, files: str = "../../files") -> None:
        self.content = content
        self.files = files
        self.asked: list[str] = []
        self.logins: list[str | None] = []

    def __call__(self, request: urllib.request.Request, **_: object) -> Answer:
        url = request.full_url
        self.asked.append(url)
        self.logins.append(request.get_header("Authorization"))
        link = f'<a href="{self.files}/pip-9.9-py3-none-any.whl#sha256=x&amp;y">pip</a>'
        return Answer(url, self.content if url.endswith("y") else link.encode())


LOCK = (
    "pip==9.9 \\\n"
    "    --hash=sha256:4f8b10d6b29e8c1a7d59a9a6ce9d4ce2b6a7ddfa5ab3f6f8d0b1d1b7b2f6d001 \\\n"
    "    --hash=sha256:{}\n"
)


def test_pip_is_fetched_from_the_callers_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    index = Index(b"a wheel")
    monkeypatch.setattr("urllib.request.urlopen", index)
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/root/simple/")
    monkeypatch.delenv("PIP_CERT", raising=False)
    lock = LOCK.format(hashlib.sha256(b"a wheel").hexdigest())
    assert wheel.fetched_pip(lock, tmp_path).read_bytes() == b"a wheel"
    assert index.asked[0] == "https://index.example/root/simple/pip/"
    assert index.asked[1].startswith("https://index.example/root/files/pip-9.9")


@pytest.mark.parametrize(
    ("files", "again"), [("../../files", True), ("https://files.example/", False)]
)
def test_a_login_is_for_the_index_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: str, again: bool
) -> None:
    """Not for other hosts, and not for what is shown."""
    index = Index(b"another", files)
    monkeypatch.setattr("urllib.request.urlopen", index)
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:hunt%40er2@index.example/simple")
    monkeypatch.delenv("PIP_CERT", raising=False)
    with pytest.raises(ToolFailed) as caught:
        wheel.fetched_pip(LOCK.format("0" * 64), tmp_path)
    assert caught.value.ran == "GET https://index.example/simple/pip/"
    basic = "Basic " + base64.b64encode(b"me:hunt@er2").decode()
    assert index.logins == [basic, basic if again else None]
    assert not any("hunt" in url for url in index.asked)


@pytest.mark.parametrize(
    "url", ["http://me:hunter2@127.0.0.1:1/s", "http://me:hunter2@127.0.0.1:x", "me:hunter2@x"]
)
def test_no_login_in_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", url)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("PIP_CERT", raising=False)
    with pytest.raises(ToolFailed, match="cannot be fetched") as caught:
        wheel.fetched_pip(LOCK.format("0" * 64), tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_pip_that_is_not_the_pinned_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", Index(b"another"))
    monkeypatch.delenv("PIP_CERT", raising=False)
    with pytest.raises(ToolFailed, match="is not the pinned one"):
        wheel.fetched_pip(LOCK.format("0" * 64), tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_pip_and_index_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(url: str, **_: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(wheel, "bundled_pip", lambda: None)
    monkeypatch.setattr("urllib.request.urlopen", away)
    monkeypatch.setattr("hostonly.host.packages.missing", lambda names: list(names))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("HOSTONLY_INSTALL", "never")
    monkeypatch.delenv("PIP_CERT", raising=False)
    with pytest.raises(HostonlyError) as caught:
        wheel.find_pip(LOCK.format("0" * 64), tmp_path, tmp_path)
    assert caught.value.remedy == "apt-get install --no-install-recommends python3-venv"
    assert capsys.readouterr().out == ""


def test_a_failed_step_has_its_last_lines(tmp_path: Path) -> None:
    with venv.locked(tmp_path) as lock, pytest.raises(ToolFailed) as caught:
        step.run(["sh", "-c", "echo reason; exit 4"], lock, "a step", tmp_path)
    assert caught.value.what == "a step: sh failed with exit status 4"
    assert caught.value.output == "reason"
    assert "check network, proxy and certificates" in str(caught.value.remedy)


def test_the_callers_python_and_pip_do_not_mislead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/")
    check = 'test -z "$PYTHONPATH$PIP_TARGET" && test -n "$PIP_INDEX_URL"'
    with venv.locked(tmp_path) as lock:
        step.run(["sh", "-c", check], lock, "a step", tmp_path)


def test_the_lock_is_held_by_the_children_too(tmp_path: Path) -> None:
    with venv.locked(tmp_path) as lock:
        child = start(["sleep", "30"], held=[lock.descriptor])
    with Lock(tmp_path / ".hostonly" / "venv.lock") as other:
        assert not other.take()
        kill(child)
        assert other.take()
