"""Connections: SQLite with one writer, PostgreSQL with a pool, and a clock on every call."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from mainstay.domain.errors import InvalidArgument, Unavailable

T = TypeVar("T")
_UNDEFINED_TABLE = "42P01"  # PostgreSQL, Appendix A; SQLite calls it an operational error by itself
Work = Callable[[AsyncConnection], Awaitable[T]]


class Engine:
    """Runs units of work, each in one transaction, and answers within ``timeout`` whatever happens.

    Raises Unavailable when the database does not answer, InvalidArgument when it refuses the values.
    """

    def __init__(self, url: str, timeout: timedelta) -> None:
        self._timeout = timeout.total_seconds()
        self._abandoned: set[asyncio.Task[Any]] = set()
        address = _address(url)
        self.name = address.get_backend_name()
        self.where = address.render_as_string(hide_password=True)
        if self.name == "sqlite":
            self._writer, self._reader = _sqlite(address, self._timeout)
        else:
            self._writer = self._reader = _postgresql(address, self._timeout)

    async def write(self, work: Work[T]) -> T:
        return await self._within(_transaction(self._writer, work))

    async def read(self, work: Work[T]) -> T:
        return await self._within(_transaction(self._reader, work))

    async def write_slowly(self, work: Work[T]) -> T:
        """Without the clock: migrations may take minutes, and nobody waits for a page meanwhile."""
        return await self._within(_transaction(self._writer, work), clock=False)

    async def close(self) -> None:
        for task in self._abandoned:
            task.cancel()
        if self._reader is not self._writer:
            await self._reader.dispose()
        await self._writer.dispose()

    async def _within(self, work: Coroutine[Any, Any, T], *, clock: bool = True) -> T:
        """The answer or a refusal within the timeout.

        A task of its own: a driver that is cancelled first asks the (silent) server to cancel the query and
        waits for the answer, which would take longer than the caller was promised.
        """
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=self._timeout if clock else None)
        except asyncio.CancelledError:
            self._abandon(task)
            raise
        if not done:
            self._abandon(task)
            raise Unavailable(f"the record store ({self.where}) did not answer within {self._timeout:g} s")
        return self._answer(task)

    def _answer(self, task: asyncio.Task[T]) -> T:
        try:
            return task.result()
        except (IntegrityError, DataError) as fault:
            raise InvalidArgument(f"the record store refuses these values: {_why(fault)}") from fault
        except (OperationalError, InterfaceError) as fault:
            raise Unavailable(f"the record store ({self.where}) does not answer: {_why(fault)}") from fault
        except DBAPIError as fault:
            if getattr(fault.orig, "sqlstate", "") == _UNDEFINED_TABLE:
                raise Unavailable(f"the record store ({self.where}) has no tables yet: migrate it") from fault
            if not fault.connection_invalidated:
                raise
            raise Unavailable(f"the record store ({self.where}) does not answer: {_why(fault)}") from fault
        except (PoolTimeout, OSError) as fault:
            raise Unavailable(f"the record store ({self.where}) does not answer: {fault}") from fault

    def _abandon(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.add(task)
        task.add_done_callback(self._forget)
        task.cancel()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # nobody waits for it any more; looking at it keeps asyncio from complaining


async def _transaction(engine: AsyncEngine, work: Work[T]) -> T:
    async with engine.begin() as connection:
        return await work(connection)


def _why(fault: DBAPIError) -> str:
    """The driver's own words without the statement, which holds the values of an incident."""
    return str(fault.orig).strip().split("\n", maxsplit=1)[0]


def _address(url: str) -> URL:
    """Raises InvalidArgument for what is neither database, naming no password."""
    try:
        address = make_url(url)
    except ArgumentError:
        raise InvalidArgument("the database address cannot be read", field="database_url") from None
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    driver = drivers.get(address.get_backend_name())
    if driver is None:
        raise InvalidArgument(
            f"{address.get_backend_name()} is not supported: use sqlite or postgresql", field="database_url"
        )
    return address.set(drivername=driver)


def _sqlite(address: URL, timeout: float) -> tuple[AsyncEngine, AsyncEngine]:
    """One writing connection, because SQLite has one writer and a queue is fairer than its busy loop."""
    if not address.database or address.database == ":memory:":
        raise InvalidArgument("SQLite needs a file: records in memory are lost", field="database_url")
    Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    connect = {"timeout": timeout}
    writer = create_async_engine(address, pool_size=1, max_overflow=0, pool_timeout=timeout, connect_args=connect)
    reader = create_async_engine(address, pool_size=4, max_overflow=0, pool_timeout=timeout, connect_args=connect)
    # BEGIN IMMEDIATE: a transaction that reads first and writes later fails at once (SQLITE_BUSY) when
    # another process wrote in between; taking the lock at the start makes it wait instead.
    for engine, begin in ((writer, "BEGIN IMMEDIATE"), (reader, "BEGIN")):
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_with(begin))
    return writer, reader


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late; see _begin_with
    cursor = connection.cursor()
    # The file remembers the mode. While another process is at it, SQLite refuses at once instead of waiting;
    # then that one sets it, or the next connection does.
    with suppress(sqlite3.OperationalError):
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_with(statement: str) -> Callable[[Any], None]:
    def begin(connection: Any) -> None:
        connection.exec_driver_sql(statement)

    return begin


def _postgresql(address: URL, timeout: float) -> AsyncEngine:
    """Timeouts on every level: connecting, waiting for a lock, running, and a peer that is gone."""
    wait = max(1, int(timeout * 0.8))
    return create_async_engine(
        address,
        pool_size=8,
        max_overflow=8,
        pool_timeout=timeout,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={
            "connect_timeout": max(2, int(timeout * 0.6)),
            "options": f"-c statement_timeout={wait}s -c lock_timeout={wait}s -c timezone=UTC",
            "tcp_user_timeout": int(timeout * 1000),
            "keepalives_idle": 30,
        },
    )
