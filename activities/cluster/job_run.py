"""Run a Job from a template or from a CronJob, wait for its end, and answer with the tail of its log."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import yaml
from kubernetes.aio.client.exceptions import ApiException

from activities.cluster.action import applied
from activities.cluster.client import Mark
from activities.cluster.creation import Creation, own_name
from activities.cluster.paths import Place, collection
from activities.failures import bounded, permanent
from mainstay.domain.catalogue.pods import JobRun
from mainstay.domain.change import Applied, ApplyRequest, Change
from mainstay.domain.errors import NotFound
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest

POLL = 0.5
MOST_LOG = 2_000
"""Characters of a log that become a fact."""
INSTANTIATE = "cronjob.kubernetes.io/instantiate"


class RunJob(Creation[JobRun]):
    name = "job_run"

    async def plan(self, request: PlanRequest, parameters: JobRun) -> Change:
        target = parameters.target
        place = Place(target.cluster, target.kind, target.namespace, target.name)
        self._envelope.check_namespace(place, request.allowed_namespaces)
        cluster = self._clusters[place.cluster]
        name = own_name(target.name, request.run_id, request.step)
        metadata: dict[str, Any] = {"name": name, "namespace": target.namespace}
        live: Raw = {"kind": "Job", "metadata": {"name": target.name, "uid": "", "resourceVersion": ""}}
        if target.kind == "CronJob":
            live = await cluster.read(place)
            given = live["spec"]["jobTemplate"]
            of = given.get("metadata") or {}
            metadata["labels"] = of.get("labels") or {}
            metadata["annotations"] = {**(of.get("annotations") or {}), INSTANTIATE: "manual"}
            spec: Any = given["spec"]
            command = f"kubectl create job {name} --from=cronjob/{target.name} -n {target.namespace}"
        else:
            spec, command = parameters.template, f"kubectl create -f - -n {target.namespace}"
        manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
        job = Place(target.cluster, "Job", target.namespace, name)
        if await cluster.find(job) is None:
            await self.rehearsed(job, manifest, Mark(request.run_id, request.step))
        shown = yaml.safe_dump(manifest, sort_keys=True, allow_unicode=True)
        change = self.change(
            request,
            parameters,
            place,
            live,
            title=f"Run {job}, from {place}" if target.kind == "CronJob" else f"Run {job}",
            command=command,
            desired={"manifest": manifest},
            former={},
            diff="\n".join(f"+{line}" for line in shown.splitlines()),
        )
        return change.model_copy(update={"patience": parameters.timeout_seconds})

    async def made(self, place: Place, live: Raw, outcome: str, request: ApplyRequest) -> Applied:
        """Raises a permanent Unavailable when it has failed or has not ended in time: part of it was done."""
        parameters = JobRun.model_validate(request.change.parameters)
        until, uid = time.monotonic() + parameters.timeout_seconds, live["metadata"]["uid"]
        while (ended := _ended(live)) is None:
            if time.monotonic() > until:
                raise permanent("Unavailable", f"{place} has not ended within {parameters.timeout_seconds} s")
            await asyncio.sleep(POLL)
            now = await self._clusters[place.cluster].find(place)
            if now is None or now["metadata"]["uid"] != uid:
                raise NotFound(f"{place} was deleted while it was waited for")
            live = now
        tail = await self._tail(place, live, parameters.log_lines)
        if not ended[0]:
            raise permanent("Unavailable", f"{place} failed: {ended[1]}. Its log ends: {tail or '(empty)'}")
        return applied(outcome, live, f"{place} is complete", job=place.name, complete=True, log=tail)

    async def _tail(self, place: Place, live: Raw, lines: int) -> str:
        """The end of the newest pod's log, without credentials; empty where it cannot be read."""
        if not lines:
            return ""
        cluster = self._clusters[place.cluster]
        pods = await cluster.list(collection("Pod", place.namespace), f"controller-uid={live['metadata']['uid']}")
        if not pods:
            return ""
        newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        path = f"{collection('Pod', place.namespace)}/{newest['metadata']['name']}/log"
        query = [("tailLines", str(lines)), ("limitBytes", str(4 * MOST_LOG))]
        try:
            return bounded(await cluster.text(path, query))
        except ApiException:
            return ""


def _ended(job: Raw) -> tuple[bool, str] | None:
    """(succeeded, why); None while it runs."""
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition.get("status") == "True" and condition.get("type") in ("Complete", "Failed"):
            why = f"{condition.get('reason', '')} {condition.get('message', '')}".strip()
            return condition["type"] == "Complete", why
    return None
