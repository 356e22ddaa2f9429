"""Holds docs/capabilities.csv to the truth: a done row names a test that carries its mark and has passed.

A skipped test shows nothing. A run of part of the suite checks the part it ran.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

LEDGER = Path(__file__).resolve().parent.parent / "docs" / "capabilities.csv"
STATUSES = ("done", "partial", "later", "organisational")


class Ledger:
    """The rows, and what this run has shown of them."""

    def __init__(self) -> None:
        self.done: dict[str, str] = {}
        self.known: set[str] = set()
        self.collected: dict[str, set[str]] = {}
        self.passed: set[str] = set()
        self.failed: set[str] = set()
        self.faults: list[str] = []

    def read(self) -> None:
        with LEDGER.open(newline="") as file:
            for row in csv.DictReader(file):
                self.known.add(row["id"])
                if row["status"] not in STATUSES:
                    known = ", ".join(STATUSES)
                    self.faults.append(f"{row['id']}: status {row['status']!r} is none of {known}")
                if row["status"] == "done":
                    self.done[row["id"]] = row["test"]

    def judge(self, *, whole: bool) -> None:
        """Compare the rows with what ran."""
        for id_, test in self.done.items():
            if test not in self.collected:
                if whole:
                    self.faults.append(f"{id_}: its test {test} does not exist")
                continue
            if id_ not in self.collected[test]:
                self.faults.append(f'{id_}: {test} does not carry the mark capability("{id_}")')
            if whole and (test not in self.passed or test in self.failed):
                self.faults.append(f"{id_}: {test} did not pass")


_ledger = Ledger()


def _base(node: str) -> str:
    return node.split("[", 1)[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _ledger.read()
    for item in items:
        ids = {str(id_) for mark in item.iter_markers("capability") for id_ in mark.args}
        _ledger.collected.setdefault(_base(item.nodeid), set()).update(ids)
        unknown = sorted(ids - _ledger.known)
        _ledger.faults += [f"{item.nodeid}: no row {id_} in docs/capabilities.csv" for id_ in unknown]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _ledger.passed.add(_base(report.nodeid))
    elif report.failed or report.skipped:
        _ledger.failed.add(_base(report.nodeid))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    option = session.config.option
    whole = not (option.keyword or option.file_or_dir or option.collectonly or option.lf)
    _ledger.judge(whole=whole)
    if _ledger.faults:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    shown = sum(1 for test in _ledger.done.values() if test in _ledger.passed)
    terminalreporter.write_line(f"capabilities: {len(_ledger.done)} rows done, {shown} shown by this run")
    for fault in _ledger.faults:
        terminalreporter.write_line(f"LEDGER {fault}", red=True)
