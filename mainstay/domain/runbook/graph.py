"""A runbook as a Mermaid flowchart, for pages and reviews."""

from __future__ import annotations

from typing import assert_never

from mainstay.domain import duration
from mainstay.domain.runbook.node import (
    ActNode,
    AnyNode,
    AskNode,
    CallNode,
    EndNode,
    NotifyNode,
    PageNode,
    ParallelNode,
    ProbeNode,
    Runbook,
    WaitNode,
)
from mainstay.domain.runbook.parse import edges

MAX_LABEL = 80


def mermaid(runbook: Runbook, path: tuple[str, ...] = ()) -> str:
    """The flowchart. The nodes of ``path`` (``node:branch``, as in a run's state) are drawn as visited."""
    lines = ["flowchart TD"]
    for name, node in runbook.nodes.items():
        opening, closing = _shape(node)
        lines.append(f'  {_id(name)}{opening}"{_escape(_label(name, node))}"{closing}')
    for name, node in runbook.nodes.items():
        lines += [f'  {_id(name)} -->|"{_escape(branch)}"| {_id(target)}' for branch, target in edges(node)]
    lines += [f"  {_id(name)}:::act" for name, node in runbook.nodes.items() if isinstance(node, ActNode)]
    visited = dict.fromkeys(step.partition(":")[0] for step in path)
    lines += [f"  {_id(name)}:::visited" for name in visited if name in runbook.nodes]
    lines += ["  classDef act stroke-width:3px", "  classDef visited fill:#cfe8ff"]
    return "\n".join(lines) + "\n"


def _id(name: str) -> str:
    """``end`` and its like are words of Mermaid's grammar."""
    return f"n_{name}"


def _shape(node: AnyNode) -> tuple[str, str]:
    match node:
        case ProbeNode() | ParallelNode():
            return "{", "}"
        case AskNode():
            return "{{", "}}"
        case ActNode():
            return "[", "]"
        case WaitNode() | NotifyNode() | PageNode():
            return "(", ")"
        case CallNode():
            return "[[", "]]"
        case EndNode():
            return "([", "])"
        case _:
            assert_never(node)


def _label(name: str, node: AnyNode) -> str:
    if node.title:
        return node.title
    match node:
        case ProbeNode():
            return f"{name}: {node.probe}?"
        case ParallelNode():
            return f"{name}: {' and '.join(look.probe for look in node.parallel)}?"
        case AskNode():
            return node.ask
        case ActNode():
            return f"{name}: {node.act}"
        case WaitNode():
            return f"wait {duration.show(node.wait)}"
        case NotifyNode():
            return f"tell {', '.join(node.to)}"
        case PageNode():
            return f"page {node.page}"
        case CallNode():
            return f"run {node.call}"
        case EndNode():
            return f"{name}: {node.end}" if name != node.end else name
        case _:
            assert_never(node)


def _escape(text: str) -> str:
    """Mermaid takes HTML entities; a quote or a bracket would end the label."""
    one_line = " ".join(text.split())
    cut = one_line if len(one_line) <= MAX_LABEL else one_line[: MAX_LABEL - 1] + "…"
    return "".join(c if c.isalnum() or c in " .,:;?!_-/…'→" else f"#{ord(c)};" for c in cut)
