"""The tree as a graph: what is reachable, what came before, what goes in circles."""

from __future__ import annotations

from mainstay.domain.runbook.node import Runbook
from mainstay.domain.runbook.parse import edges

_Next = dict[str, tuple[str, ...]]


def following(runbook: Runbook) -> _Next:
    """Node → the nodes that may come next, each once, in the order of the document."""
    return {
        name: tuple(dict.fromkeys(to for _, to in edges(node) if to in runbook.nodes))
        for name, node in runbook.nodes.items()
    }


def reachable(runbook: Runbook, start: str = "") -> tuple[str, ...]:
    """Every node that a run can come to."""
    ways = following(runbook)
    found: dict[str, None] = {}
    open_ = [start or runbook.start]
    while open_:
        name = open_.pop()
        if name not in found and name in ways:
            found[name] = None
            open_.extend(ways[name])
    return tuple(found)


def ancestors(runbook: Runbook, node: str) -> tuple[str, ...]:
    """Every node that a run may have left before it comes to ``node``; itself, if it is on a cycle."""
    ways = following(runbook)
    before: dict[str, tuple[str, ...]] = {
        name: tuple(source for source, targets in ways.items() if name in targets) for name in ways
    }
    found: dict[str, None] = {}
    open_ = list(before.get(node, ()))
    while open_:
        name = open_.pop()
        if name not in found:
            found[name] = None
            open_.extend(before[name])
    return tuple(found)


def unbounded_cycles(runbook: Runbook) -> tuple[tuple[str, ...], ...]:
    """One way in a circle for each knot that a run could go through without end.

    A node with ``max_visits`` ends by only leading to its ``exhausted`` node, so without its other ways
    nothing may be left that returns.
    """
    ways = {
        name: (runbook.nodes[name].exhausted,) if runbook.nodes[name].max_visits else to
        for name, to in following(runbook).items()
    }
    cycles: list[tuple[str, ...]] = []
    done: dict[str, None] = {}
    for start in ways:
        _visit(start, ways, (), done, cycles)
    return tuple(cycles)


def _visit(name: str, ways: _Next, path: tuple[str, ...], done: dict[str, None], cycles: list[tuple[str, ...]]) -> None:
    if name in path:
        cycles.append(path[path.index(name) :])
        return
    if name in done or name not in ways:
        return
    for target in ways[name]:
        _visit(target, ways, (*path, name), done, cycles)
    done[name] = None
