"""``mainstay incident declare``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Group, Parameter

from mainstay.cli import output, session
from mainstay.cli.problem import usage
from mainstay.cli.prompts import text_of

_IMPACT = Group("Impact", help="What is not said is unknown, which is not the same as none.", sort_key=500)
_LEVELS = {None: 0, "none": 1, "some": 2, "most": 3}


def _impact(help_: str) -> Parameter:
    return Parameter(group=_IMPACT, help=help_)


def declare(
    *title: Annotated[str, Parameter(help="One line: what is broken. Quotes are not needed.")],
    service: Annotated[str, Parameter(name=["--service", "-s"], help="The service that is broken.")],
    severity: Annotated[str, Parameter(help="Its level, such as SEV2; without it triage decides.")] = "",
    description: Annotated[str, Parameter(help="What is known so far.")] = "",
    exercise: Annotated[bool, Parameter(negative="", help="A drill: everything says that it is one.")] = False,
    error_rate: Annotated[float | None, _impact("Share of failing requests, from 0 to 1.")] = None,
    users_affected: Annotated[int | None, _impact("How many.")] = None,
    all_users: Annotated[bool | None, _impact("Nobody can use it.")] = None,
    revenue_loss_per_hour: Annotated[float | None, _impact("US dollars.")] = None,
    data_loss: Annotated[bool | None, _impact("Data is lost or corrupt.")] = None,
    security_breach: Annotated[bool | None, _impact("Somebody is in who should not be.")] = None,
    complete_loss: Annotated[bool | None, _impact("The whole function is gone.")] = None,
    degradation: Annotated[Literal["none", "some", "most"] | None, _impact("How much is slow or failing.")] = None,
    services_affected: Annotated[int | None, _impact("How many services.")] = None,
    vip_affected: Annotated[bool | None, _impact("An important customer is affected.")] = None,
    workaround: Annotated[bool | None, _impact("Users have another way.")] = None,
) -> None:
    """Declare an incident."""
    from mainstay.cli import calls, values
    from mainstay.gen.mainstay.v1 import incident_pb2

    text = text_of(title)
    if not text:
        raise usage("an incident needs a title", "mainstay incident declare Checkout fails --service checkout")
    impact = incident_pb2.Impact(
        error_rate=error_rate,
        users_affected=users_affected,
        all_users=all_users,
        revenue_loss_per_hour=revenue_loss_per_hour,
        data_loss=data_loss,
        security_breach=security_breach,
        complete_loss=complete_loss,
        degradation=incident_pb2.Degradation.ValueType(_LEVELS[degradation]),
        services_affected=services_affected,
        vip_affected=vip_affected,
        workaround=workaround,
    )
    request = calls.incident_pb.DeclareIncidentRequest(
        request_id=session.current().request_id,
        title=text,
        service=service,
        severity=severity,
        description=description,
        impact=impact,
        exercise=exercise,
    )
    answer = calls.send(calls.incidents().DeclareIncident, request)
    if session.current().json:
        output.emit({**values.of(answer), "request_id": request.request_id})
        return
    name = answer.incident.number or answer.incident.key
    output.say(f"{name} was declared before" if answer.existed else f"{name} is declared")
    output.aside(f"follow it with: mainstay incident watch {name}")
