"""One case on twins: kubectl's in one namespace, ours in the other."""

from __future__ import annotations

import asyncio
import copy
import time
from collections import Counter
from typing import Any, NamedTuple

from temporalio.exceptions import ApplicationError

from activities.cluster.paths import collection
from activities.probes.rollout_history import RolloutHistory
from activities.probes.rollout_status import RolloutStatus
from mainstay.domain.catalogue.probes.rollouts import RolloutHistory as HistoryParameters
from mainstay.domain.catalogue.probes.rollouts import RolloutStatus as StatusParameters
from mainstay.domain.revision import REVISION, is_mark, plain_template
from mainstay.domain.service import Workload
from mainstay.domain.verdict import Verdict
from tests.cluster.lab import AT, Lab
from tests.cluster.parity.cases import Case
from tests.cluster.parity.differences import DIFFERENCES

PATIENCE = 60.0
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
State = dict[str, Any]


class Answer(NamedTuple):
    """``word`` is an outcome, or the type of a refusal."""

    refused: bool
    word: str
    text: str = ""


class Twin:
    """``gate`` bounds how many kubectl processes run at once, over all twins."""

    def __init__(self, theirs: Lab, ours: Lab, gate: asyncio.Semaphore) -> None:
        self.theirs = theirs
        self.ours = ours
        self.answers: Counter[str] = Counter()
        """Outcomes and refusals of ours."""
        self._gate = gate

    async def run(self, case: Case) -> str:
        """What did not agree; empty where all did."""
        await asyncio.gather(self._prepare(self.theirs, case), self._prepare(self.ours, case))
        try:
            return await self._compare(case)
        finally:
            for lab in (self.theirs, self.ours):
                await lab.cluster.api.request("DELETE", lab.path(case.kind, case.name))

    async def _prepare(self, lab: Lab, case: Case) -> None:
        for manifest in case.manifests:
            await lab.apply_manifest(copy.deepcopy(manifest))
            await lab.recorded(case.name, case.kind)

    async def _compare(self, case: Case) -> str:
        if said := await self._differ(case, "before the request"):
            return said
        if case.verb == "rollout_history":
            return await self._history(case)
        if case.verb == "rollout_status":
            return await self._status(case)
        before = await state(self.ours, case)
        kubectl, ours = await asyncio.gather(self._kubectl(self.theirs, case), self._ours(case))
        self.answers[ours.word] += 1
        expected = DIFFERENCES.get(case.difference)
        if expected is None:
            if kubectl.refused != ours.refused:
                return f"{case}: kubectl {kubectl}, ours {ours}"
            return await self._differ(case, f"after it (kubectl {kubectl}, ours {ours})")
        if (kubectl.refused, ours.word) != (expected.kubectl_refuses, expected.ours):
            return f"{case}: not {case.difference}: kubectl {kubectl}, ours {ours}"
        if ours.refused:
            after = await state(self.ours, case)
            return "" if after["spec"] == before["spec"] else f"{case}: refused, and written all the same"
        return await self._differ(case, "after it")

    async def _kubectl(self, lab: Lab, case: Case) -> Answer:
        async with self._gate:
            code, text = await lab.kubectl_answers(*case.kubectl)
        return Answer(code != 0, str(code), text.strip())

    async def _ours(self, case: Case) -> Answer:
        parameters = {"target": {"kind": case.kind, "name": case.name}, **case.parameters}
        until = time.monotonic() + PATIENCE
        while True:
            try:
                change = await self.ours.plan(case.verb, parameters, AT)
                applied = await self.ours.apply(change)
                if case.retried and (again := (await self.ours.apply(change)).outcome) != "already":
                    return Answer(True, again, "applied a second time")
            except ApplicationError as refused:
                if refused.non_retryable or time.monotonic() > until:
                    return Answer(True, str(refused.type), refused.message)
            else:
                return Answer(applied.outcome == "drifted", applied.outcome, applied.detail)
            await asyncio.sleep(0.2)

    async def _differ(self, case: Case, when: str) -> str:
        """The controllers take their time; after it both must be the same."""
        until = time.monotonic() + PATIENCE
        while True:
            theirs, ours = await asyncio.gather(state(self.theirs, case), state(self.ours, case))
            if theirs == ours:
                return ""
            if time.monotonic() > until:
                told = [f"{key}: kubectl {theirs[key]}, ours {ours[key]}" for key in theirs if theirs[key] != ours[key]]
                return f"{case}: {when}: {'; '.join(told)}"
            await asyncio.sleep(0.2)

    def _target(self, case: Case) -> Workload:
        return Workload.model_validate({"namespace": self.ours.namespace, "kind": case.kind, "name": case.name})

    async def _history(self, case: Case) -> str:
        """Numbers and causes are the same as in kubectl's table."""
        probe = RolloutHistory(self.ours.clusters)
        answer = await self._kubectl(self.ours, case)
        rows = [line.split(maxsplit=1) for line in answer.text.splitlines() if line[:1].isdigit()]
        theirs = [(int(number), "" if cause == "<none>" else cause) for number, cause in rows]
        seen = await probe.look(HistoryParameters(target=self._target(case)), AT)
        listed: Any = seen.facts["revisions"]
        ours = sorted((row["revision"], row["change_cause"]) for row in listed)
        return "" if theirs == ours else f"{case}: kubectl {theirs}, ours {ours}"

    async def _status(self, case: Case) -> str:
        """Complete by ours is complete by kubectl's, of one object; what can never complete is so by neither."""
        until = time.monotonic() + PATIENCE / 3
        while not (held := await self._complete(case)) and case.ready and time.monotonic() < until:
            await asyncio.sleep(0.2)
        while True:
            answer = await self._kubectl(self.ours, case)
            if held == (held := await self._complete(case)):
                break  # Nothing has moved while kubectl looked.
        theirs = not answer.refused and "waiting" not in answer.text.lower()
        return "" if theirs == held and (case.ready or not held) else f"{case}: kubectl {answer}, ours {held}"

    async def _complete(self, case: Case) -> bool:
        seen = await RolloutStatus(self.ours.clusters).look(StatusParameters(target=self._target(case)), AT)
        return seen.verdict is Verdict.HELD


async def state(lab: Lab, case: Case) -> State:
    """What a request may change, without what is a clock's or our trace."""
    live = await lab.live(case.name, case.kind)
    annotations = {key: text for key, text in (live["metadata"].get("annotations") or {}).items() if not is_mark(key)}
    return {
        "spec": masked(live["spec"]),
        "annotations": annotations,
        "generation": live["metadata"]["generation"],
        "history": await revisions(lab, case),
    }


async def revisions(lab: Lab, case: Case) -> list[tuple[int, Any]]:
    """The kept revisions with their templates, as the controllers record them."""
    kind = "ReplicaSet" if case.kind == "Deployment" else "ControllerRevision"
    found = await lab.cluster.api.get(collection(kind, lab.namespace), labelSelector=f"app={case.name}")
    if case.kind == "Deployment":
        return sorted(
            (
                (int(s["metadata"]["annotations"].get(REVISION, 0)), masked(s["spec"])["template"])
                for s in found["items"]
            ),
            key=lambda entry: (entry[0], str(entry[1])),
        )
    rows = [(int(entry["revision"]), masked(entry["data"]["spec"])) for entry in found["items"]]
    return sorted(rows, key=lambda entry: entry[0])


def masked(spec: dict[str, Any]) -> dict[str, Any]:
    """A spec with a pod template, without the time of a restart and the controller's hash."""
    template = copy.deepcopy(dict(plain_template(spec["template"])))
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    if RESTARTED_AT in annotations:
        annotations[RESTARTED_AT] = "masked"
    return {**spec, "template": template}
