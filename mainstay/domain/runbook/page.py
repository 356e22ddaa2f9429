"""A runbook as a Markdown page: what a responder looks for first, then the tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mainstay.domain.runbook.graph import mermaid
from mainstay.domain.runbook.node import About, Runbook


def page(runbook: Runbook) -> str:
    """Quick reference, symptoms, diagnosis, the tree as a diagram, resolution, rollback, contacts."""
    lines = [f"# {runbook.title}", ""]
    if runbook.description:
        lines += [runbook.description, ""]
    if runbook.about:
        lines += _before(runbook.about)
    lines += ["## Decision tree", "", "```mermaid", mermaid(runbook).rstrip(), "```", ""]
    if runbook.about:
        lines += _after(runbook.about)
    return "\n".join(lines).rstrip() + "\n"


def _before(about: About) -> Iterator[str]:
    reference = {
        "Owner": about.owner,
        "Dashboard": about.dashboard,
        "Repository": about.repository,
        "Architecture": about.architecture,
        "Alerts": ", ".join(about.alerts),
    }
    yield from _section("Quick reference", (f"{name}: {value}" for name, value in reference.items() if value))
    yield from _section("Symptoms", about.symptoms)
    yield from _section("Initial assessment", about.assessment)
    yield from _section("Diagnosis", about.diagnosis)


def _after(about: About) -> Iterator[str]:
    for scenario, steps in about.resolution.items():
        yield from _section(f"Resolution: {scenario}", steps)
    yield from _section("Rollback", about.rollback)
    yield from _section("Escalation", about.contacts)
    yield from _section("Communication", (f"{who}: {text}" for who, text in about.communication.items()))


def _section(title: str, items: Iterable[str]) -> Iterator[str]:
    lines = [f"- {' '.join(item.split())}" for item in items]
    if lines:
        yield from (f"## {title}", "", *lines, "")
