"""The probe ``job_status``: how the newest run ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from activities.cluster.client import Cluster, Clusters
from activities.probes.reading import listed
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.pods import JobStatus as Parameters
from mainstay.domain.revision import Raw
from mainstay.domain.text import plain
from mainstay.domain.verdict import Verdict


class JobStatus:
    name: ClassVar[str] = "job_status"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:
        """Raises what the cluster raises. While no run has ended it is INCONCLUSIVE."""
        cluster = self._clusters[parameters.cluster]
        jobs, suspended = await _jobs(cluster, parameters)
        ended = sorted((job for job in jobs if _end(job)), key=lambda job: _end(job) or "", reverse=True)
        good = [job for job in ended if _condition(job, "Complete")]
        newest = ended[0] if ended else None
        age = int((at - datetime.fromisoformat(_end(good[0]) or "")).total_seconds()) if good else -1
        facts: dict[str, Any] = {
            "state": _state(newest, jobs),
            "job": newest["metadata"]["name"] if newest else "",
            "reason": _reason(newest) if newest else "",
            "suspended": suspended,
            "success_age_seconds": max(age, 0),
        }
        late = parameters.within is not None and not 0 <= age <= parameters.within.total_seconds()
        said = f"{parameters.kind.lower()}/{parameters.name} in {parameters.namespace}: {facts['state']}"
        said += f" ({facts['reason']})" if facts["reason"] else ""
        if newest is None and not (late and good):
            return Seen(verdict=Verdict.INCONCLUSIVE, facts=facts, detail=said)
        held = newest is not None and _condition(newest, "Complete") is not None and not late
        return Seen(verdict=Verdict.HELD if held else Verdict.FAILED, facts=facts, detail=said)


async def _jobs(cluster: Cluster, parameters: Parameters) -> tuple[list[dict[str, Any]], bool]:
    root = f"/apis/batch/v1/namespaces/{parameters.namespace}"
    if parameters.kind == "Job":
        job = await cluster.send("GET", f"{root}/jobs/{parameters.name}")
        return [job], bool(job["spec"].get("suspend"))
    cron = await cluster.send("GET", f"{root}/cronjobs/{parameters.name}")
    uid = cron["metadata"]["uid"]
    owned = [
        job
        for job in await listed(cluster, f"{root}/jobs")
        if any(owner["uid"] == uid for owner in job["metadata"].get("ownerReferences") or ())
    ]
    return owned, bool(cron["spec"].get("suspend"))


def _condition(job: Raw, kind: str) -> Raw | None:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)


def _end(job: Raw) -> str:
    found = _condition(job, "Complete") or _condition(job, "Failed")
    return str(found["lastTransitionTime"]) if found else ""


def _state(newest: Raw | None, jobs: list[dict[str, Any]]) -> str:
    if newest is None:
        return "running" if jobs else "never ran"
    return "succeeded" if _condition(newest, "Complete") else "failed"


def _reason(job: Raw) -> str:
    failed = _condition(job, "Failed")
    return plain(f"{failed.get('reason', '')}: {failed.get('message', '')}", 200) if failed else ""
