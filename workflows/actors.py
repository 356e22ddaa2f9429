"""Who sent an update: the signature's check, the role's check, and refusals as callers see them."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

with workflow.unsafe.imports_passed_through():
    from mainstay.domain.access import Actor, Command, SignedActor
    from mainstay.domain.access_rules import check_allowed
    from mainstay.domain.errors import InvalidArgument, Refusal
    from mainstay.domain.incident import MAX_COMMAND_BYTES
    from mainstay.domain.model import canonical, digest
    from mainstay.domain.pinned import PublicKey
    from mainstay.domain.signature import verify_actor


def refused(refusal: Refusal) -> ApplicationError:
    """The refusal as an update's answer: its kind is the error type, the field its detail."""
    return ApplicationError(
        refusal.message,
        refusal.field or "",
        type=refusal.kind,
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )


MAX_UPDATE_ID = 64


def update_id() -> str:
    """The present update's id, short enough to be remembered by the hundred."""
    info = workflow.current_update_info()
    known = info.id if info else ""
    return known if len(known) <= MAX_UPDATE_ID else digest(known)


def actor_of(command: Command, keys: tuple[PublicKey, ...], key: str, operation: str) -> Actor:
    """The verified (or honestly unverified) sender, allowed to do ``operation``.

    Raises InvalidArgument for more than 64 KiB or a nameless actor, NotAllowed for a claim without a valid
    signature or for a role that is not enough, Stale for a signature made for something else.
    """
    size = len(canonical(command))
    if size > MAX_COMMAND_BYTES:
        raise InvalidArgument(f"the command has {size} bytes; at most {MAX_COMMAND_BYTES}")
    info = workflow.current_update_info()
    body = command.model_copy(update={"actor": SignedActor()})
    actor = verify_actor(
        command.actor,
        keys,
        key=key,
        update_id=info.id if info else "",
        digest=digest(body),
        now=workflow.now(),
    )
    if not actor.person.strip():
        raise InvalidArgument('say who you are: {"actor": {"person": "YOUR-HANDLE"}}', field="actor.person")
    check_allowed(operation, actor)
    return actor
