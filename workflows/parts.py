"""What every long-lived workflow does with its parts: nothing from outside may end them in the middle.

Temporal cancels the task that runs ``run`` and nothing else. So the story lives in tasks of its own, and
``run`` only waits for them: a cancellation becomes a wish, which the story fulfils in its own time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from temporalio import workflow


async def undisturbed(done: Callable[[], bool], cancelled: Callable[[], None]) -> None:
    """Wait for ``done``. A cancellation from outside calls ``cancelled`` and does not end the wait."""
    while not done():
        try:
            await workflow.wait_condition(done)
        except asyncio.CancelledError:
            cancelled()


def broke(task: asyncio.Task[Any]) -> bool:
    """Did it end with an error?"""
    return task.done() and not task.cancelled() and task.exception() is not None


def none_broke(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """A part that ended with an error is a bug of ours, which holds the workflow until it is mended.

    Raised as what it is, an activity's failure that nobody caught would end the workflow for good.
    """
    for task in tasks:
        if broke(task):
            raise RuntimeError(f"a part broke: {task.exception()!r}") from task.exception()
