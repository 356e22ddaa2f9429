"""Where our actions deliberately do not do what kubectl does; docs/guides/parity.md tells operators."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """``ours`` is the refusal's type or the outcome; after a refusal the object is as it was."""

    reason: str
    kubectl_refuses: bool
    ours: str


DIFFERENCES = {
    "paused_template": Difference(
        "the new template would not be rolled out, so no check could hold", False, "WrongState"
    ),
    "asked_again": Difference("a retry of what is done is success, not an error", True, "already"),
    "large_cut": Difference("one step takes away at most half of the replicas", False, "NotAllowed"),
    "unsafe_rollback": Difference("the version says that leaving it loses data", False, "WrongState"),
    "node_share": Difference("pods of closed nodes need room on the others", False, "NotAllowed"),
}
OF_NODES = {"node_share"}
"""Shown by test_node_parity.py, the others by each run over workloads."""
