"""Rendering templates as an activity."""

from __future__ import annotations

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.render import render
from mainstay.domain.work import Rendered, RenderRequest


async def test_every_template_is_filled_in_and_types_are_kept() -> None:
    request = RenderRequest(
        templates={
            "text": "Hello {{ inputs.who }}",
            "number": "{{ inputs.n }}",
            "list": ["{{ inputs.who }}"],
        },
        values={"inputs": {"who": "alice", "n": 3}},
    )
    made = await ActivityEnvironment().run(render, request)
    assert made == Rendered(texts={"text": "Hello alice", "number": 3, "list": ["alice"]})


async def test_a_name_that_does_not_exist_fails_for_good_and_is_named() -> None:
    with pytest.raises(ApplicationError, match="nothing") as failure:
        await ActivityEnvironment().run(render, RenderRequest(templates={"text": "{{ nothing }}"}))
    assert (failure.value.type, failure.value.non_retryable) == ("InvalidArgument", True)
