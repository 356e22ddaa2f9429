"""YAML text → Runbook, with every problem at its line."""

from __future__ import annotations

from mainstay.domain.positioned import DocumentErrors, Problem, validate
from mainstay.domain.runbook.node import AnyNode, Runbook


class RunbookErrors(DocumentErrors):
    """All that is wrong with one runbook's text: ``problems``, in the order of the lines."""


def parse(text: str, filename: str = "") -> Runbook:
    """The runbook that ``text`` describes. Raises RunbookErrors with all problems of its form.

    Form only: fields, types, required branches. Whether names lead somewhere is for ``lint``.
    """
    runbook, problems = validate(Runbook, text, filename)
    if runbook is None:
        raise RunbookErrors(problems)
    return runbook


def edges(node: AnyNode) -> tuple[tuple[str, str], ...]:
    """(branch, next node) for every way out of a node."""
    ways = tuple(node.branches.items())
    return (*ways, ("exhausted", node.exhausted)) if node.exhausted else ways


__all__ = ["Problem", "RunbookErrors", "edges", "parse"]
