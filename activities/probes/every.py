"""Every probe, put together: one line each. Equal to the catalogue, which a test holds."""

from __future__ import annotations

from typing import Any

import httpx2

from activities.cluster.client import Clusters
from activities.holder import ConfigHolder
from activities.probes.alert_firing import AlertFiring
from activities.probes.alertmanager import Alertmanagers
from activities.probes.autoscaler_at_max import AutoscalerAtMax
from activities.probes.condition import Condition
from activities.probes.dependency_incident import DependencyIncident
from activities.probes.disruption_budget import DisruptionBudget
from activities.probes.dns import Dns
from activities.probes.endpoints_ready import EndpointsReady
from activities.probes.events import Events
from activities.probes.exec import Exec
from activities.probes.feature_flag import FeatureFlag
from activities.probes.hosts import named_hosts
from activities.probes.http import Http
from activities.probes.job_status import JobStatus
from activities.probes.logs import Logs
from activities.probes.maintenance import Maintenance
from activities.probes.node_conditions import NodeConditions
from activities.probes.pod_health import PodHealth
from activities.probes.prometheus import Prometheus
from activities.probes.prometheus_baseline import PrometheusBaseline
from activities.probes.prometheus_range import PrometheusRange
from activities.probes.quota import Quota
from activities.probes.recent_rollout import RecentRollout
from activities.probes.rollout_history import RolloutHistory
from activities.probes.rollout_status import RolloutStatus
from activities.probes.seen import ProbeKind
from activities.probes.servers import Servers
from activities.probes.slo import Budget, BurnRate
from activities.probes.tcp import Tcp
from activities.probes.tls_certificate import TlsCertificate
from activities.probes.volume_fill import VolumeFill
from mainstay.records.store import Store


def every(
    clusters: Clusters, http: httpx2.AsyncClient, config: ConfigHolder, store: Store
) -> tuple[ProbeKind[Any], ...]:
    """All kinds of look, on the worker's own clients; configuration is read anew at each look."""

    def allowed() -> tuple[str, ...]:
        return named_hosts(config.current)

    servers = Servers(http, lambda: config.current.prometheus)
    alertmanagers = Alertmanagers(http, lambda: config.current.alertmanagers)
    return (
        Prometheus(http, lambda: config.current.prometheus),
        PrometheusRange(servers),
        PrometheusBaseline(servers),
        BurnRate(servers),
        Budget(servers),
        VolumeFill(servers),
        Http(http, allowed),
        Tcp(allowed),
        TlsCertificate(allowed),
        Dns(allowed),
        RecentRollout(clusters),
        RolloutStatus(clusters),
        RolloutHistory(clusters),
        PodHealth(clusters),
        Events(clusters),
        Logs(clusters),
        Exec(clusters),
        JobStatus(clusters),
        NodeConditions(clusters),
        AutoscalerAtMax(clusters),
        DisruptionBudget(clusters),
        Quota(clusters),
        EndpointsReady(clusters),
        DependencyIncident(store),
        FeatureFlag(clusters),
        AlertFiring(alertmanagers),
        Maintenance(clusters, alertmanagers),
        Condition(),
    )
