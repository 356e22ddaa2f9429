"""Messages as they really arrive: with no value, with two, with one that nobody can read (tech-notes 1.2).

A signal cannot be taken out of a history again, and the SDK drops an unreadable one with a line in the log or
fails the workflow's task for ever. So signal handlers take whatever comes, read it here, and what cannot be
read goes to the journal. Workers, tests and replay use the same ``INTERCEPTORS``.
"""

from __future__ import annotations

from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import (
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from mainstay.domain.errors import InvalidArgument
    from mainstay.domain.model import Record
    from mainstay.domain.text import plain

M = TypeVar("M", bound=Record)


def read(model: type[M], value: object) -> M:
    """``value`` as what it is meant to be. Raises InvalidArgument that says what is wrong with it."""
    if value is None:
        raise InvalidArgument("it carries no value")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "value"
        raise InvalidArgument(plain(f"{where}: {first['msg']}", 300)) from None


class Messages(Interceptor):
    """Nothing that a client sends may stop a workflow."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - the SDK's signature
    ) -> type[WorkflowInboundInterceptor] | None:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002 - the SDK's signature
        if len(input.args) <= 1:
            return await super().handle_signal(input)
        refuse: Any = getattr(workflow.instance(), "refuse_signal", None)
        if refuse is not None:
            refuse(input.signal, f"it carries {len(input.args)} values; send one")
        return None

    def handle_update_validator(self, input: HandleUpdateInput) -> None:  # noqa: A002 - the SDK's signature
        if len(input.args) != 1:
            raise ApplicationError(
                f"send one value with {input.update}, as its description shows; {len(input.args)} came",
                type=InvalidArgument.kind,
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,
            )
        super().handle_update_validator(input)


INTERCEPTORS = (Messages(),)
