"""Pinning: the slice of the configuration that one incident lives by, for clients that bring none."""

from __future__ import annotations

from temporalio import activity

from activities.failures import classify
from activities.holder import ConfigHolder
from mainstay.domain.alert import Alert
from mainstay.domain.errors import Refusal
from mainstay.domain.oncall.resolve import resolve
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.routing import Routed, route, title_for
from mainstay.domain.signature import Signer
from mainstay.domain.work import Pinned, PinRequest


class Library:
    """Does for a bare client what a door does for its callers."""

    def __init__(self, config: ConfigHolder, signer: Signer) -> None:
        self._config = config
        self._signer = signer

    @activity.defn(name="pin_config")
    async def pin_config(self, request: PinRequest) -> Pinned:
        """Route, pin, and look up whom the first page is for.

        Nothing is turned away: an alert that no route wants and a declaration of an unknown service get the
        fallback route's service. Fails for good only when that has none.
        """
        try:
            return self._pin(request)
        except Refusal as refusal:
            raise classify(refusal) from None

    def _pin(self, request: PinRequest) -> Pinned:
        routed = self._routed(request)
        pinned = self._with_our_key(self._config.current.pin(routed.service))
        steps = pinned.policy.steps
        first = resolve(
            steps[0].targets if steps else pinned.policy.last_resort,
            request.at,
            schedules=pinned.schedules,
            teams=pinned.teams,
            people=pinned.people,
        )
        declaration = request.declaration
        return Pinned(
            pinned=pinned,
            title=declaration.title if declaration else title_for(request.alerts),
            route=routed.route,
            severity=(declaration.severity if declaration else "") or routed.severity,
            first_targets=first.people,
            mode="ticket" if routed.mode == "ticket" and not declaration else "page",
        )

    def _routed(self, request: PinRequest) -> Routed:
        config = self._config.current
        declaration = request.declaration
        if declaration and declaration.service in config.services:
            return Routed(route="declared", service=declaration.service, group_key="")
        first = next(iter(request.alerts), None) or Alert()
        return route(first, config.routes, config.services)

    def _with_our_key(self, pinned: PinnedConfig) -> PinnedConfig:
        """Links in messages are signed with this worker's key, so the incident must know it."""
        ours = self._signer.public()
        if ours in pinned.keys:
            return pinned
        return pinned.model_copy(update={"keys": (*pinned.keys, ours)})
