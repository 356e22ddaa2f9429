"""A fingerprint of what each workflow file asks Temporal for, in order, read from its syntax tree.

It cannot prove determinism; it makes sure that nobody changes a command sequence without noticing.
"""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("fingerprints.json")
COMMANDS = {
    "start_activity",
    "execute_activity",
    "execute_local_activity",
    "start_child_workflow",
    "execute_child_workflow",
    "wait_condition",
    "sleep",
    "signal",
    "cancel",
    "continue_as_new",
    "upsert_search_attributes",
    "create_event_group",
    "patched",
    "_ask",
    "_ask_here",
    "_start",
    "_until",
    "_wait",
    "_abandonable",
    "start_send",
    "send_patiently",
    "send_once",
    "create_task",
    "gather",
}


def fingerprints() -> dict[str, str]:
    """File → digest of its commands with the function that holds them."""
    found = {}
    for path in sorted((ROOT / "workflows").glob("*.py")):
        calls = list(_calls(ast.parse(path.read_text())))
        found[path.name] = hashlib.sha256(json.dumps(calls).encode()).hexdigest()[:16]
    return found


def _calls(tree: ast.AST, where: str = "") -> list[str]:
    found: list[str] = []
    for node in ast.iter_child_nodes(tree):
        inner = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else where
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in COMMANDS:
                found.append(f"{inner}:{name}")
        found += _calls(node, inner)
    return found


def write() -> None:
    FILE.write_text(json.dumps(fingerprints(), indent=2) + "\n")
