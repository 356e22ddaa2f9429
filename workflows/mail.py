"""Mail that nobody waits for: about postmortems and action items."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from mainstay.domain.message import AnyMessage
    from mainstay.domain.pinned import PinnedConfig
    from mainstay.domain.work import SendRequest

from workflows import calls


async def tell(pinned: PinnedConfig | None, handle: str, message: AnyMessage, salt: str) -> bool:
    """One message by the first of a person's methods that takes it; hours late is better than lost."""
    person = pinned.people.get(handle) if pinned else None
    for method in person.contacts if person else ():
        request = SendRequest(
            key=f"{workflow.info().workflow_id}/{salt}/{handle}/{method.name}",
            person=handle,
            method=method.name,
            channel=method.channel,
            message=message,
            number=message.incident.number,
        )
        try:
            receipt = await calls.send_patiently(request, f"{message.kind.capitalize()} to {handle}: {salt}")
        except ActivityError as error:
            workflow.logger.warning("%s by %s: %s", handle, method.name, calls.why(error)[1])
            continue
        if receipt.accepted:
            return True
    return False
