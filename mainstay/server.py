"""Composition root of the doors: settings → clients → desk → gRPC and HTTP servers. No logic."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

import httpx2

from mainstay.api.server import ApiServer, Tls
from mainstay.config import ConfigErrors, load
from mainstay.config.keys import load_signer
from mainstay.config.settings import Settings
from mainstay.connect import connect
from mainstay.desk.auth import Authenticator
from mainstay.desk.desk import Desk
from mainstay.domain.errors import InvalidArgument, Refusal
from mainstay.namespace import prepare
from mainstay.records.store import Store
from mainstay.telemetry import Metrics, setup_logging, setup_tracing
from mainstay.web.app import build_app
from mainstay.web.matrix import listeners
from mainstay.web.server import WebServer

_log = logging.getLogger("mainstay.server")


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    try:
        asyncio.run(serve(Settings()))
    except Refusal as refusal:
        raise SystemExit(f"mainstay-server: {refusal.message}") from None
    except ConfigErrors as errors:
        raise SystemExit("\n".join(str(problem) for problem in errors.problems)) from None


async def serve(settings: Settings) -> None:
    """Everything from the first connection to the graceful end."""
    setup_logging(json=settings.log_json)
    tracing = setup_tracing("mainstay-server", settings.otlp_endpoint)
    stopping = asyncio.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wanted, stopping.set)
    signer = load_signer(settings.signing_key_path)
    config = load(settings.config_dir, settings.config_overlay).with_keys(signer.public())
    async with contextlib.AsyncExitStack() as stack:
        if tracing is not None:
            stack.callback(tracing.shutdown)
        client = await connect(settings, tracing)
        await prepare(client)
        store = await stack.enter_async_context(Store(settings.records_url, timeout=settings.records_timeout))
        migrating = asyncio.create_task(store.migrate_when_up())
        stack.callback(migrating.cancel)
        desk = Desk(client, config, store, signer)
        stack.push_async_callback(desk.close)
        api = ApiServer(desk, Authenticator(config, "grpc"), settings.grpc_listen, tls=_tls(settings))
        app = build_app(desk, Authenticator(config, "web"), lambda: config, signer, settings, Metrics())
        web = WebServer(app, settings.http_listen)
        await api.start()
        stack.push_async_callback(api.stop)
        await web.start()
        stack.push_async_callback(web.stop)
        client_of_chats = await stack.enter_async_context(httpx2.AsyncClient())
        for listener in listeners(desk, lambda: config, client_of_chats):
            stack.callback(asyncio.create_task(listener.listen()).cancel)
        _log.info("gRPC on %s, HTTP on %s", settings.grpc_listen, settings.http_listen)
        await stopping.wait()


def _tls(settings: Settings) -> Tls | None:
    """Raises InvalidArgument when only one of certificate and key is set."""
    if settings.grpc_tls_cert is None and settings.grpc_tls_key is None:
        return None
    if settings.grpc_tls_cert is None or settings.grpc_tls_key is None:
        raise InvalidArgument("set both MAINSTAY_GRPC_TLS_CERT and MAINSTAY_GRPC_TLS_KEY", field="grpc_tls")
    return Tls(settings.grpc_tls_cert, settings.grpc_tls_key, settings.grpc_client_ca)


if __name__ == "__main__":
    main()
