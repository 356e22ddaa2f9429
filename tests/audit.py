"""Break done rows of docs/capabilities.csv on purpose, one line at a time, and want each row's test red.

``python -m tests.audit [--only ID] [--json FILE]``. A test that stays green while its subject is broken shows
nothing, whatever its row says. The breaks stand in ``tests/audit.json``: id, file, the exact text to find
(once in that file), its replacement, and the test. Everything happens in a copy of the tree; the tree itself
is never written to.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
BREAKS = ROOT / "tests" / "audit.json"
LEFT_OUT = (".git", ".venv", "var", "__pycache__", ".hypothesis", "node_modules", "*.egg-info", ".*_cache")
DEADLINE_SECONDS = 240
"""For one test with its servers, and for all unbroken ones; a break that hangs a test has been noticed, too."""
TESTS_FAILED = 1
"""pytest's exit code for failed tests. 2 to 5 (interrupted, internal, usage, nothing collected) show nothing."""


@dataclass(frozen=True)
class Break:
    """One slip: in ``file`` the text ``find`` becomes ``replace``, and ``test`` has to notice."""

    id: str
    file: str
    find: str
    replace: str
    test: str


@dataclass(frozen=True)
class Finding:
    """What became of one break: ``red`` is as it should be, ``GREEN`` and the others are not."""

    id: str
    result: str
    seconds: float
    test: str
    detail: str = ""


class Copy:
    """The working tree without git, environments and caches; breaks are made here."""

    def __init__(self, folder: Path) -> None:
        self.root = folder.resolve() / "tree"
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        self._seconds = itertools.count(int(time.time()))

    def check(self) -> None:
        """The copy's packages must win over the installed ones. Raises SystemExit when they do not."""
        look = "import activities, mainstay, workflows as w; print(activities.__file__, mainstay.__file__, w.__file__)"
        found = self._python("-c", look).stdout.split()
        if len(found) != 3 or not all(Path(each).is_relative_to(self.root) for each in found):
            raise SystemExit(f"the copy at {self.root} is not what would be tested, but {found}")

    @contextmanager
    def broken(self, slip: Break) -> Iterator[None]:
        """With the slip made. Raises LookupError when the code has moved on from it."""
        path = self.root / slip.file
        sound = path.read_text(encoding="utf-8") if path.exists() else ""
        if sound.count(slip.find) != 1:
            raise LookupError(f"stale break: {slip.find!r} stands {sound.count(slip.find)} times in {slip.file}")
        self._write(path, sound.replace(slip.find, slip.replace))
        try:
            yield
        finally:
            self._write(path, sound)

    def _write(self, path: Path, text: str) -> None:
        """Each with a time of its own: bytecode is told from stale bytecode by whole seconds and the size."""
        path.write_text(text, encoding="utf-8")
        at = next(self._seconds)
        os.utime(path, (at, at))

    def test(self, *nodes: str) -> subprocess.CompletedProcess[str]:
        """Run these tests. Raises subprocess.TimeoutExpired."""
        return self._python("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *nodes)

    def _python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "PYTHONPATH"))}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=env,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )


def read() -> tuple[Break, ...]:
    """The recorded breaks."""
    return tuple(Break(**each) for each in json.loads(BREAKS.read_text(encoding="utf-8")))


def judge(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """(result, detail) of a test's run with its subject broken: only a failed test is red."""
    tail = done.stdout.strip().splitlines()[-1:] or done.stderr.strip().splitlines()[-1:] or [""]
    if done.returncode == 0:
        return "GREEN", "the test passes with its subject broken"
    if done.returncode == TESTS_FAILED and re.search(r"^FAILED ", done.stdout, re.MULTILINE):
        return "red", ""
    return "ERROR", f"exit code {done.returncode}, and no test has failed: {tail[0]}"


def audit(copy: Copy, slip: Break) -> Finding:
    """Break, test, mend."""
    begun = time.perf_counter()
    try:
        with copy.broken(slip):
            result, detail = judge(copy.test(slip.test))
    except LookupError as stale:
        result, detail = "STALE", str(stale)
    except subprocess.TimeoutExpired:
        result, detail = "red", f"no end within {DEADLINE_SECONDS} s"
    return Finding(slip.id, result, round(time.perf_counter() - begun, 1), slip.test, detail)


def _audited(copies: SimpleQueue[Copy], slip: Break) -> Finding:
    copy = copies.get()
    try:
        return audit(copy, slip)
    finally:
        copies.put(copy)


def sound(copy: Copy, breaks: Sequence[Break]) -> str:
    """Why the unbroken tests show nothing; empty when all pass."""
    done = copy.test(*dict.fromkeys(slip.test for slip in breaks))
    if done.returncode == 0:
        return ""
    return f"the tests are not green to begin with:\n{done.stdout[-4000:]}{done.stderr[-1000:]}"


def main() -> int:
    """Exit code 1 when a break went unnoticed, is stale, or the tests were not green before."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__)
    parser.add_argument("--only", action="append", metavar="ID", help="these breaks only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings there, too")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="copies to test in at one time (2)")
    chosen = parser.parse_args()
    breaks = tuple(slip for slip in read() if not chosen.only or slip.id in chosen.only)
    if not breaks:
        parser.error(f"no break has the id {', '.join(chosen.only or ())}; there are {', '.join(s.id for s in read())}")
    with tempfile.TemporaryDirectory(prefix="mainstay-audit-") as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(chosen.jobs):
            copies.put(Copy(Path(folder) / str(number)))
        begun = time.perf_counter()
        copy = copies.get()
        copy.check()
        if why := sound(copy, breaks):
            print(why)
            return 1
        copies.put(copy)
        print(f"unbroken: green · {time.perf_counter() - begun:.1f} s", flush=True)
        with ThreadPoolExecutor(chosen.jobs) as pool:
            findings = [_told(found) for found in pool.map(lambda slip: _audited(copies, slip), breaks)]
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(each) for each in findings], indent=2) + "\n", encoding="utf-8")
    unnoticed = [each.id for each in findings if each.result != "red"]
    red, seconds = len(findings) - len(unnoticed), time.perf_counter() - begun
    print(f"{len(findings)} breaks, {red} red, in {seconds:.0f} s")
    if unnoticed:
        print(f"not red: {', '.join(unnoticed)}")
    return 1 if unnoticed else 0


def _told(found: Finding) -> Finding:
    print(f"{found.id:<24} {found.result:<5} {found.seconds:>6.1f} s  {found.test}", flush=True)
    if found.detail:
        print(f"{'':<24} {found.detail}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
