"""Every timeout, retry and queue of the workflows, with the reason where one is unbounded."""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig, LocalActivityConfig

from mainstay.domain.names import BULK_QUEUE, CLUSTER_QUEUE

PERMANENT = ["InvalidArgument", "NotFound", "NotAllowed", "WrongState", "Halted", "Permanent"]
"""Names of failures that no retry can mend; ``activities/failures.py`` raises them."""


def _retry(attempts: int = 0, first: float = 0.5, most: float = 5.0, factor: float = 2.0) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=timedelta(seconds=first),
        maximum_interval=timedelta(seconds=most),
        backoff_coefficient=factor,
        maximum_attempts=attempts,
        non_retryable_error_types=PERMANENT,
    )


SEND = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=5),
    schedule_to_close_timeout=timedelta(seconds=15),
    retry_policy=_retry(attempts=3),
)
"""A person waits: a method that stays silent is given up for the next one after 15 s at most."""

SEND_ONCE = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=5),
    schedule_to_close_timeout=timedelta(seconds=9),
    retry_policy=_retry(attempts=1),
)
"""A test of a channel: its first answer is what somebody waits to see."""

RESOLVE = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=2),
    schedule_to_close_timeout=timedelta(seconds=4),
    retry_policy=_retry(attempts=2),
)
"""Who is on call; then the pinned schedule answers."""

LOCAL = LocalActivityConfig(
    start_to_close_timeout=timedelta(seconds=5),
    retry_policy=_retry(first=0.1, most=10.0),
)
"""Pure look-ups and rendering whose answers must be recorded. Unbounded: what fails here is a bug of ours,
and the run goes on once it is mended; a wrong argument is permanent."""

PIN = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=5),
    schedule_to_close_timeout=timedelta(seconds=15),
    retry_policy=_retry(),
)
"""One try; the incident asks for as long as it takes, and the last resort is told meanwhile."""

PIN_AGAIN_FIRST = timedelta(seconds=5)
PIN_AGAIN_MOST = timedelta(minutes=1)
LAST_RESORT_EVERY = timedelta(minutes=15)

RUN_CHECK_EVERY = timedelta(minutes=10)
"""A run that was terminated reports nothing: so its incident looks after it."""
RUNS_END_WITHIN = timedelta(hours=3)
"""How long a cancelled incident waits for its runs to undo; longer than an undo may take."""

RECORD = ActivityConfig(
    task_queue=BULK_QUEUE,
    start_to_close_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(seconds=20),
    retry_policy=_retry(attempts=3),
)
"""One try of writing to the record store; the recorder itself tries for as long as it takes."""

RECORD_AGAIN_FIRST = timedelta(seconds=5)
RECORD_AGAIN_MOST = timedelta(minutes=1)

LOOK = ActivityConfig(
    task_queue=BULK_QUEUE,
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(minutes=3),
    retry_policy=_retry(),
)
"""A probe: bounded by three minutes, so that a cluster's API that is away for one is waited for."""

VERIFY = ActivityConfig(
    task_queue=BULK_QUEUE,
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=_retry(),
)
"""Verification; the caller sets start-to-close from the criterion's own time."""

PLAN = ActivityConfig(
    task_queue=CLUSTER_QUEUE,
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(minutes=5),
    retry_policy=_retry(),
)

APPLY_ONCE = timedelta(seconds=60)
APPLY_WHOLE = timedelta(minutes=15)
"""One try, and all of them; a change that takes longer by its nature says by how much (``Change.patience``)."""

APPLY = ActivityConfig(
    task_queue=CLUSTER_QUEUE,
    start_to_close_timeout=APPLY_ONCE,
    schedule_to_close_timeout=APPLY_WHOLE,
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=_retry(),
)
"""A write is pinned, so it may be tried until the API answers; after 15 minutes a person is asked. A worker
that died in it costs the rollback ten seconds; one that was only slow has made the pinned change, once."""

UNDO = ActivityConfig(
    task_queue=CLUSTER_QUEUE,
    start_to_close_timeout=timedelta(seconds=60),
    schedule_to_close_timeout=timedelta(hours=2),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=_retry(most=30.0),
)
"""Generous: an undo that is given up leaves a half-changed system."""

LEASE_ASK = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=5),
    schedule_to_close_timeout=timedelta(minutes=5),
    retry_policy=_retry(),
)

HOLDER = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=5),
    schedule_to_close_timeout=timedelta(seconds=30),
    retry_policy=_retry(),
)

DOCUMENT = ActivityConfig(
    task_queue=BULK_QUEUE,
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=_retry(most=60.0),
)
"""Unbounded: a draft may wait for its disk, it must not be lost."""

CHASE = ActivityConfig(
    task_queue=BULK_QUEUE,
    start_to_close_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(hours=6),
    retry_policy=_retry(first=5.0, most=600.0),
)
"""Nobody waits at the other end: mail about action items may come hours late, but it comes."""

SEND_PATIENTLY = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(hours=6),
    retry_policy=_retry(first=5.0, most=600.0),
)

HALT_ASK_FIRST = timedelta(seconds=1)
HALT_ASK_MOST = timedelta(seconds=15)
"""A change that the kill switch holds back is tried again; after a clearance it waits no longer than this."""

HOLDER_CHECK_EVERY = timedelta(minutes=1)
TASK_TIMEOUT = timedelta(seconds=3)
"""Workflow task timeout of incidents: a dead worker costs a page three seconds, not ten."""
