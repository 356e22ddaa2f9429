"""Templates to text, in an activity: the answer is recorded, so an engine's fix changes no run in flight."""

from __future__ import annotations

from temporalio import activity

from activities.failures import classify
from mainstay.domain.errors import Refusal
from mainstay.domain.template import render_value
from mainstay.domain.work import Rendered, RenderRequest


@activity.defn(name="render")
async def render(request: RenderRequest) -> Rendered:
    """Fill in every template. A wrong one fails for good, as InvalidArgument that names it."""
    try:
        texts = {name: render_value(value, request.values) for name, value in request.templates.items()}
    except Refusal as refusal:
        raise classify(refusal) from None
    return Rendered(texts=texts)
