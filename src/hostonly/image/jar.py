"""The JAR of HelloSocket, built by Maven with the profile ``socket``."""

from __future__ import annotations

import calendar
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from hostonly.errors import HostonlyError
from hostonly.host.command import Run

JAR = Path("target/hello-socket.jar")

# A cold Maven repository behind a slow line; a warm build takes four seconds.
MAVEN_TIMEOUT = 600.0


def digest(root: Path, files: Iterable[Path], *facts: str) -> str:
    """Return the SHA-256 (hex) of ``files`` under ``root``, with their names, and of ``facts``."""
    total = hashlib.sha256()
    for fact in facts:
        total.update(f"fact {len(fact.encode())} ".encode() + fact.encode())
    for file in sorted(files):
        content = file.read_bytes()
        name = file.relative_to(root).as_posix()
        total.update(f"file {name} {len(content)} ".encode() + content)
    return total.hexdigest()


def jar_inputs(root: Path) -> str:
    """Return a hex digest of what the JAR is made from: ``pom.xml`` and the sources.

    The JDK is not part of it: each JDK from 17 to 25 makes a JAR of the same bytes. JDK 11 numbers
    the constants of a class in another order: its JAR is another one, but the same each time.

    Raises:
        OSError: ``root`` is not a checkout of ours.
    """
    sources = (path for path in (root / "src/main").rglob("*") if path.is_file())
    return digest(root, [root / "pom.xml", *sources])


def build_jar(root: Path, run: Run) -> Path:
    """Build the JAR in the checkout ``root``, and return its path.

    Maven's own tests of it are not run here. Source: the module "Introduction to Networking in
    Docker", whose ``mvn -Psocket package`` runs them too. The file gets the time of its newest
    entry, so that an image made with it does not depend on when it was built.

    Raises:
        ToolFailed: Maven failed.
        HostonlyError: Maven made no such JAR.
    """
    run(
        [
            "mvn",
            "--batch-mode",
            "--no-transfer-progress",
            "-Dstyle.color=never",
            "--quiet",
            "--activate-profiles=socket",
            "-Dmaven.test.skip=true",
            "package",
        ],
        cwd=root,
        timeout=MAVEN_TIMEOUT,
    )
    import zipfile

    jar = root / JAR
    try:
        with zipfile.ZipFile(jar) as entries:
            newest = max(entry.date_time for entry in entries.infolist())
    except (OSError, ValueError, zipfile.BadZipFile) as problem:
        raise HostonlyError(
            f"Maven ended well, but {JAR} is not a JAR: {problem}",
            remedy="Build it by hand and look: mvn -Psocket clean package",
        ) from problem
    seconds = calendar.timegm((*newest, 0, 0, 0))
    os.utime(jar, (seconds, seconds))
    return jar


def run_tests(root: Path, run: Run) -> int:
    """Run Maven's own tests of HelloSocket in the checkout ``root``; return how many passed.

    Raises:
        ToolFailed: Maven or a test failed.
        HostonlyError: no test was run.
    """
    command = [
        "mvn",
        "--batch-mode",
        "--no-transfer-progress",
        "-Dstyle.color=never",
        "--activate-profiles=socket",
        "test",
    ]
    said = run(command, cwd=root, timeout=MAVEN_TIMEOUT)
    # Surefire's line for each class ends with the time elapsed; the one for all of them does not.
    total = re.search(
        r"^\[\w+\] Tests run: (\d+), Failures: 0, Errors: 0, Skipped: (\d+)$", said, re.MULTILINE
    )
    passed = int(total[1]) - int(total[2]) if total else 0
    if passed == 0:
        raise HostonlyError(
            "Maven ended well, but ran no test of HelloSocket", ran=" ".join(command), output=said
        )
    return passed


def failures(lines: Sequence[str]) -> str:
    """Return the lines on failed tests from Maven's output, which ends with a page of advice."""
    end = next((n for n, line in enumerate(lines) if "BUILD FAILURE" in line), len(lines))
    begin = next((n for n, line in enumerate(lines) if "Results:" in line), 0)
    return "\n".join(line for line in lines[begin:end] if line.startswith("[ERROR]"))
