"""The ledger of changes to running workflows.

Decision functions take a ``rules`` version. Only this file maps ``workflow.patched`` to it. Each version
has golden histories in ``tests/histories``; an entry says since when, why, and when it can go.

| rules | patch id | since | why | may go when |
|---|---|---|---|---|
| 1 | (none) | 2026-11 | first version | never |

Patches of the incident's paging, asked only where the severity does not page at any hour:

| patch id | since | why | may go when |
|---|---|---|---|
| low-urgency-rules | 2026-11 | notification rules and quiet hours differ by urgency | no older incident is open |
| page-in-business-hours | 2026-11 | such a level waits for business hours (S-024) | no older incident is open |
"""

from __future__ import annotations

CURRENT = 1


def rules(begun_with: int | None = None) -> int:
    """The rules version that this workflow lives by: the one it began with, over all its executions."""
    return begun_with or CURRENT
