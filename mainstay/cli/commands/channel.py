"""``mainstay channel``."""

from __future__ import annotations

from mainstay.cli.arguments import group

app = group("channel", "How people can be reached.")


@app.command(name="list")
def list_() -> None:
    """Every kind of channel, and its settings in mainstay.yaml."""
    from mainstay.cli.catalogues import show_channels
    from mainstay.domain.catalogue import CHANNELS

    show_channels(CHANNELS.values())
