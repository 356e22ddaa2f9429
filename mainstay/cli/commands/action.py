"""``mainstay action``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from mainstay.cli.arguments import group

app = group("action", "What runbooks can change.")


@app.command(name="list")
def list_() -> None:
    """Every kind of change: its target, its risk and whether it can be taken back."""
    from mainstay.cli.catalogues import show_actions
    from mainstay.domain.catalogue import ACTIONS

    show_actions(ACTIONS.values())


@app.command
def show(name: Annotated[str, Parameter(help="Its name, such as rollout_undo.")], /) -> None:
    """One of them whole: what it needs, and the JSON Schema of its parameters."""
    from mainstay.cli.catalogues import find, show_action
    from mainstay.domain.catalogue import ACTIONS

    show_action(find(ACTIONS, name, "action"))
