"""UTF-8 in every locale: what is read and written says so, and the program begins in it."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hostonly.bootstrap import venv
from hostonly.environment import environment
from hostonly.errors import HostonlyError
from hostonly.vantages import Host
from tests.checkout import copied

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(file for part in ("src", "bench") for file in (ROOT / part).rglob("*.py"))

LOCALES = {
    "C": {"LC_ALL": "C"},
    "C, UTF-8 mode off": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "POSIX": {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
    "none": {"PYTHONCOERCECLOCALE": "0"},
    "output in ASCII": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"},
    "Latin-1": {"LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"},
}


def by_the_locale(call: ast.Call) -> bool:
    """Whether ``call`` reads or writes text by the locale's encoding."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = {word.arg: word.value for word in call.keywords}
    if "encoding" in given:
        return False
    if name in ("read_text", "write_text") or "text" in given or "universal_newlines" in given:
        # An array of these names would be another thing; there is none.
        return True
    if name not in ("open", "fdopen") or ast.unparse(call.func) == "tarfile.open":
        return False
    mode = given.get("mode") or next(
        (word for word in call.args if isinstance(word, ast.Constant) and word.value), None
    )
    if mode is None:
        # Only the built-in one is known to read then.
        return isinstance(call.func, ast.Name)
    return isinstance(mode, ast.Constant) and str(mode.value) in ("r", "w", "a", "x", "r+", "w+")


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_text_is_utf_8_whatever_the_locale(file: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.Call)]
    wrong = [f"line {call.lineno}" for call in calls if by_the_locale(call)]
    assert not wrong, f"{file.name}: say encoding= in {', '.join(wrong)}"


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("file.read_text()", True),
        ("subprocess.run(argv, text=True)", True),
        ("open(file)", True),
        ("stage.open()", False),
        ("file.open('a')", True),
        ("os.fdopen(number, 'w')", True),
        ("file.open('wb')", False),
        ("tarfile.open(archive, 'w:gz')", False),
        ("file.write_text(text, encoding='utf-8')", False),
    ],
)
def test_what_goes_by_the_locale(statement: str, wrong: bool) -> None:
    (call,) = (node for node in ast.walk(ast.parse(statement)) if isinstance(node, ast.Call))
    assert by_the_locale(call) is wrong


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in a folder with letters outside ASCII; its packages are this process's."""
    root = tmp_path_factory.mktemp("ä é") / "hostönly"
    root.mkdir()
    return copied(root)


def called(root: Path, locale: dict[str, str], *words: str) -> subprocess.CompletedProcess[bytes]:
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    site = {**kept, "PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "hostonly", *words]
    return subprocess.run(
        command, cwd=root, env={**site, **locale}, capture_output=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", LOCALES)
def test_the_program_speaks_in_every_locale(
    name: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locale = dict(LOCALES[name])
    if name == "Latin-1":
        made = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(tmp_path / "en_US.ISO-8859-1")]
        if shutil.which("localedef") is None or Host().run(made, timeout=60).exit not in (0, 1):
            pytest.skip("needs localedef and the character maps of Debian's package locales")
        locale["LOCPATH"] = str(tmp_path)
    # Its descriptions have an ellipsis.
    listed = called(checkout, locale, "--list")
    assert (listed.returncode, listed.stderr) == (0, b"")
    listed.stdout.decode("ascii" if name == "output in ASCII" else "utf-8")
    assert called(checkout, locale, "host.settings").returncode == 0
    # A word that is no text comes back in one line.
    wrong = called(checkout, locale, "sandbox.exäc\udcff")
    assert wrong.returncode == 2 and len(wrong.stderr.splitlines()) == 1
    assert wrong.stderr.startswith(b"inv: there is no task")
    # A path in an error is the path.
    named = called(checkout, locale, "-f", str(checkout / "ö.yaml"), "host.settings")
    assert named.returncode == 2 and b"Traceback" not in named.stderr


def test_the_project_is_found_by_a_path_that_names_no_folder(tmp_path: Path) -> None:
    site = tmp_path / "ä" / ".venv" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    line = site / "_hostonly.pth"
    line.write_text(f"{tmp_path}/ä/src", encoding="utf-8")
    venv._spell_relative(tmp_path / "ä")
    assert line.read_bytes() == b"../../../../src\n"
    assert (site / line.read_text(encoding="ascii").strip()).resolve() == tmp_path / "ä" / "src"


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    venv.refuse_unreadable(tmp_path / "ä é")
    with pytest.raises(HostonlyError, match=r"not UTF-8: /a\\xffb") as refused:
        venv.refuse_unreadable(Path("/a\udcffb"))
    assert refused.value.remedy and "move the checkout" in refused.value.remedy


def test_programs_are_asked_for_plain_output_in_utf_8() -> None:
    colourful = {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "LC_ALL": "C", "TERM": "xterm"}
    found = environment({**colourful, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0", "OWN": "x"})
    assert not {"FORCE_COLOR", "CLICOLOR_FORCE", "PYTHONIOENCODING"} & set(found)
    assert (found["LC_ALL"], found["PYTHONUTF8"], found["OWN"]) == ("C.UTF-8", "1", "x")
    assert (found["NO_COLOR"], found["TERM"]) == ("1", "dumb")
