"""The probe ``feature_flag``: a flag of a flagd file in a ConfigMap."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, ClassVar

from pydantic import JsonValue

from activities.cluster.client import Clusters
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.context import FeatureFlag as Parameters
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.text import plain
from mainstay.domain.verdict import Verdict

_LARGEST = 1024 * 1024


class FeatureFlag:
    name: ClassVar[str] = "feature_flag"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - as it is now
        """Raises what the cluster raises, and InvalidArgument for a file that is none.

        A flag that the file does not have is INCONCLUSIVE: the program's own default decides.
        """
        path = f"/api/v1/namespaces/{parameters.namespace}/configmaps/{parameters.config_map}"
        found = await self._clusters[parameters.cluster].send("GET", path)
        where = f"configmap/{parameters.config_map} in {parameters.namespace}"
        flag = _flags(found, parameters.key, where).get(parameters.flag)
        facts = _facts(flag)
        if not isinstance(flag, dict):
            why = f"{where} has no flag {plain(parameters.flag, 80)}"
            return Seen(verdict=Verdict.INCONCLUSIVE, facts=facts, detail=why)
        held = facts["variant"] == parameters.variant if parameters.variant else facts["on"]
        held = held and (facts["enabled"] or not parameters.variant)
        aside = "; a targeting rule may decide otherwise" if facts["targeted"] else ""
        said = f"{plain(parameters.flag, 80)} is {'on' if facts['on'] else 'off'}, variant {facts['variant'] or 'none'}"
        return Seen(verdict=Verdict.HELD if held else Verdict.FAILED, facts=facts, detail=f"{where}: {said}{aside}")


def _flags(config_map: dict[str, Any], key: str, where: str) -> dict[str, JsonValue]:
    text = (config_map.get("data") or {}).get(key)
    if text is None or len(text) > _LARGEST:
        raise InvalidArgument(f"{where} has no file {key!r} of at most 1 MiB", field="key")
    try:
        flags = json.loads(text)["flags"]
    except (ValueError, KeyError, TypeError):
        raise InvalidArgument(f"{key} of {where} is no flag file of flagd: JSON with 'flags'", field="key") from None
    if not isinstance(flags, dict):
        raise InvalidArgument(f"{key} of {where} is no flag file of flagd: 'flags' is no object", field="key")
    return flags


def _facts(flag: JsonValue) -> dict[str, Any]:
    given = flag if isinstance(flag, dict) else {}
    enabled = given.get("state") == "ENABLED"
    variants = given.get("variants")
    chosen = given.get("defaultVariant")
    value = variants.get(chosen) if isinstance(variants, dict) and isinstance(chosen, str) else None
    return {
        "found": isinstance(flag, dict),
        "enabled": enabled,
        "variant": plain(chosen, 100) if isinstance(chosen, str) else "",
        # The variants of a boolean flag are true and false whatever they are called
        "on": enabled and (value is True or (not isinstance(value, bool) and value is not None)),
        "targeted": bool(given.get("targeting")),
    }
