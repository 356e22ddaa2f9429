"""``mainstay action``."""

from __future__ import annotations

from mainstay.cli.arguments import group

app = group("action", "What runbooks can change.")


@app.command(name="list")
def list_() -> None:
    """Every kind of change: its target, its risk and whether it can be taken back."""
    from mainstay.cli.catalogues import show_actions
    from mainstay.domain.catalogue import ACTIONS

    show_actions(ACTIONS.values())
