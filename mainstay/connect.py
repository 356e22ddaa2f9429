"""The one way to Temporal: converter, tracing and patience are the same for worker, doors and tests."""

from __future__ import annotations

import asyncio
import logging

from opentelemetry.sdk.trace import TracerProvider
from temporalio.client import Client, Interceptor
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from mainstay.config.settings import Settings

AGAIN_SECONDS = 2.0
_log = logging.getLogger(__name__)


async def connect(settings: Settings, tracing: TracerProvider | None = None) -> Client:
    """Connect, waiting for the server for as long as it takes; each minute says so."""
    interceptors: list[Interceptor] = []
    if tracing is not None:
        interceptors.append(TracingInterceptor(tracing.get_tracer("mainstay")))
    tries = 0
    while True:
        try:
            return await Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                data_converter=pydantic_data_converter,
                interceptors=interceptors,
            )
        except (RPCError, RuntimeError, OSError) as fault:
            if tries % 30 == 0:
                _log.warning("Temporal at %s does not answer (%s); waiting", settings.temporal_address, fault)
            tries += 1
            await asyncio.sleep(AGAIN_SECONDS)
