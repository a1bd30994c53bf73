"""The JAR: what it is made from, and what is done with what Maven leaves."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.host.command import Run
from hostonly.image.jar import JAR, build_jar, failures, jar_inputs, run_tests


class Maven:
    """Stands in for Maven: remembers what it was asked for, and leaves `content` as the JAR."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content = content
        self.asked: list[tuple[list[str], Path | None]] = []

    def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> str:
        self.asked.append((list(argv), cwd))
        assert cwd is not None
        jar = cwd / JAR
        jar.parent.mkdir(exist_ok=True)
        if self.content is not None:
            jar.write_bytes(self.content)
        else:
            with zipfile.ZipFile(jar, "w") as entries:
                entries.writestr(zipfile.ZipInfo("A.class", (2024, 1, 1, 0, 0, 0)), b"")
        return ""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "src/main/java").mkdir(parents=True)
    (tmp_path / "src/main/java/A.java").write_text("class A {}\n")
    (tmp_path / "pom.xml").write_text("<project/>\n")
    return tmp_path


def test_the_jar_is_built_by_the_profile_and_carries_the_time_of_its_entries(
    checkout: Path,
) -> None:
    maven = Maven()
    jar = build_jar(checkout, maven)
    assert jar == checkout / JAR
    assert jar.stat().st_mtime == 1704067200
    ((argv, cwd),) = maven.asked
    assert argv[0] == "mvn"
    assert {"--activate-profiles=socket", "package"} < set(argv)
    assert cwd == checkout


def test_what_is_no_jar_is_not_returned(checkout: Path) -> None:
    with pytest.raises(HostonlyError, match="not a JAR"):
        build_jar(checkout, Maven(b"half a file"))


def test_mavens_failure_is_passed_on(checkout: Path) -> None:
    def fails(
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> str:
        raise ToolFailed("mvn failed", ran="mvn", output="[ERROR] A.java")

    with pytest.raises(ToolFailed):
        build_jar(checkout, fails)


def test_the_inputs_change_with_pom_and_sources_and_with_nothing_else(checkout: Path) -> None:
    seen = [jar_inputs(checkout)]
    (checkout / "src/test").mkdir()
    (checkout / "src/test/ATest.java").write_text("class ATest {}\n")
    (checkout / "target").mkdir()
    (checkout / "target/A.class").write_text("")
    assert jar_inputs(checkout) == seen[0]

    (checkout / "src/main/java/A.java").write_text("class A { }\n")
    seen.append(jar_inputs(checkout))
    (checkout / "src/main/java/A.java").rename(checkout / "src/main/java/B.java")
    seen.append(jar_inputs(checkout))
    (checkout / "pom.xml").write_text("<project></project>\n")
    seen.append(jar_inputs(checkout))
    assert len(set(seen)) == len(seen)


def said(output: str) -> Run:
    """Stands in for Maven: says `output`."""

    def run(
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> str:
        return output

    return run


def test_passed_tests_are_counted(tmp_path: Path) -> None:
    output = (
        "[INFO] Tests run: 13, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 1.8 s -- in A\n"
        "[INFO] Results:\n[INFO] \n[WARNING] Tests run: 14, Failures: 0, Errors: 0, Skipped: 1\n"
    )
    assert run_tests(tmp_path, said(output)) == 13


@pytest.mark.parametrize(
    "output",
    [
        "",
        "[INFO] No tests to run.\n",
        "[WARNING] Tests run: 2, Failures: 0, Errors: 0, Skipped: 2\n",
    ],
)
def test_no_test_is_no_pass(tmp_path: Path, output: str) -> None:
    with pytest.raises(HostonlyError, match="no test"):
        run_tests(tmp_path, said(output))


def test_what_failed_is_told_and_not_mavens_advice() -> None:
    lines = """\
[ERROR] Tests run: 14, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 4.1 s <<< FAILURE!
[INFO] Results:
[INFO]
[ERROR] Failures:
[ERROR]   HelloSocketTest.countsFromOne:179 expected: <true> but was: <false>
[INFO]
[ERROR] Tests run: 14, Failures: 1, Errors: 0, Skipped: 0
[INFO] BUILD FAILURE
[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch."""
    told = failures(lines.splitlines()).splitlines()
    assert (
        told[1] == "[ERROR]   HelloSocketTest.countsFromOne:179 expected: <true> but was: <false>"
    )
    assert len(told) == 3
