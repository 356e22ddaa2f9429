"""Finds the server binaries of the embedded stack, and builds those that are nowhere to be found.

A binary comes from, in this order: its environment variable (``MAINSTAY_BIN_KWOK`` …), ``PATH``
where its version fits, the cache, and last a build of its pinned Go module into the cache.
``python -m devstack.binaries [names…]`` does it from the command line.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Report = Callable[[str], None]

PROGRESS_SECONDS = 5
GO_SETS = Path(__file__).parent / "go"

_KUBE_VERSION = "k8s.io/component-base/version"
_KUBE_STAMPS = {"gitVersion": "v1.34.4", "gitMajor": "1", "gitMinor": "34"}
_KUBE_LDFLAGS = " ".join(["-s -w", *(f"-X {_KUBE_VERSION}.{key}={value}" for key, value in _KUBE_STAMPS.items())])


class MissingToolError(RuntimeError):
    """Some binaries can neither be found nor built; one line for each."""


@dataclass(frozen=True)
class Part:
    """One binary: its pinned Go package, and how a copy of it on ``PATH`` is recognised.

    ``go_set`` names a folder of ``devstack/go`` whose go.mod pins the package; without one it is
    installed by ``package@version``. ``release`` is the lowest version accepted from ``PATH``.
    """

    name: str
    version: str
    package: str
    release: str
    go_set: str | None = None
    ldflags: str = "-s -w"
    path_names: tuple[str, ...] = ()

    @property
    def env_name(self) -> str:
        """The environment variable that names the binary outright."""
        return "MAINSTAY_BIN_" + self.name.upper().replace("-", "_")

    @property
    def cached(self) -> Path:
        """Where the cache keeps this version."""
        return cache_dir() / f"{self.name}-{self.version}"

    @property
    def names_on_path(self) -> tuple[str, ...]:
        """What the binary may be called on ``PATH``."""
        return self.path_names or (self.name,)


def _kube(name: str) -> Part:
    return Part(name, "v1.34.4", f"k8s.io/kubernetes/cmd/{name}", "1.34.0", "kubernetes", _KUBE_LDFLAGS)


PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part("temporal-server", "v1.32.2", "go.temporal.io/server/cmd/server", "1.32.2"),
        _kube("kube-apiserver"),
        _kube("kube-controller-manager"),
        _kube("kube-scheduler"),
        _kube("kubectl"),
        Part("etcd", "v3.6.6", "go.etcd.io/etcd/server/v3", "3.6.0", "kubernetes"),
        Part("temporal-ui-server", "v2.56.0", "github.com/temporalio/ui-server/v2/cmd/server", "2.56.0"),
        Part("kwok", "v0.7.0", "sigs.k8s.io/kwok/cmd/kwok", "0.7.0"),
        Part("prometheus", "v0.305.0", "github.com/prometheus/prometheus/cmd/prometheus", "3.5.0", "prometheus"),
        Part("promtool", "v0.305.0", "github.com/prometheus/prometheus/cmd/promtool", "3.5.0", "prometheus"),
        Part("alertmanager", "v0.28.1", "github.com/prometheus/alertmanager/cmd/alertmanager", "0.28.1"),
        Part("amtool", "v0.28.1", "github.com/prometheus/alertmanager/cmd/amtool", "0.28.1"),
        Part(
            "toxiproxy",
            "v2.5.0",
            "github.com/Shopify/toxiproxy/v2/cmd/server",
            "2.5.0",
            path_names=("toxiproxy-server",),
        ),
        Part("grpcurl", "v1.9.3", "github.com/fullstorydev/grpcurl/cmd/grpcurl", "1.9.3"),
        Part("temporal", "v1.5.1", "github.com/temporalio/cli/cmd/temporal", "1.5.1"),
        Part("buf", "v1.75.0", "github.com/bufbuild/buf/cmd/buf", "1.75.0"),
    )
}
# Wanted by some tests and by operators only; a plain `python -m devstack.binaries` leaves them out.
OPTIONAL = frozenset({"temporal", "buf", "kubectl"})


def cache_dir() -> Path:
    """The folder of built binaries: ``$MAINSTAY_CACHE_DIR/bin``, else ``~/.cache/mainstay/bin``."""
    root = os.environ.get("MAINSTAY_CACHE_DIR")
    return (Path(root) if root else Path.home() / ".cache" / "mainstay") / "bin"


def ensure(names: Iterable[str], *, report: Report = print) -> dict[str, Path]:
    """Find each named binary, building the missing ones one after another.

    Raises `MissingToolError` with one line per binary that could not be had, and `KeyError` for a
    name that is not in `PARTS`. Blocks for minutes when it must build; ``report`` gets the progress.
    """
    found: dict[str, Path] = {}
    faults: list[str] = []
    for part in [PARTS[name] for name in names]:
        try:
            found[part.name] = _find(part) or _build(part, report)
        except MissingToolError as fault:
            faults.append(str(fault))
    if faults:
        raise MissingToolError("\n".join(faults))
    return found


def _find(part: Part) -> Path | None:
    explicit = os.environ.get(part.env_name)
    if explicit:
        if not os.access(explicit, os.X_OK):
            raise MissingToolError(
                f"{part.name}: {part.env_name} names {explicit}, which is not an executable file; "
                f"fix: unset {part.env_name}"
            )
        return Path(explicit).absolute()
    return _on_path(part) or (part.cached if os.access(part.cached, os.X_OK) else None)


def _on_path(part: Part) -> Path | None:
    for name in part.names_on_path:
        where = shutil.which(name)
        if where and _fits(_version_of(where), part.release):
            return Path(where).absolute()
    return None


def _version_of(binary: str) -> tuple[int, ...] | None:
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout + done.stderr)
    return tuple(int(number) for number in match.groups()) if match else None


def _fits(version: tuple[int, ...] | None, lowest: str) -> bool:
    wanted = tuple(int(number) for number in lowest.split("."))
    return version is not None and version[0] == wanted[0] and version >= wanted


def _build(part: Part, report: Report) -> Path:
    go = shutil.which("go")
    if go is None:
        raise MissingToolError(_missing(part, "there is no `go` on PATH to build it", "install Go 1.24 or later, then"))
    try:
        part.cached.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise MissingToolError(
            _missing(part, f"the cache cannot be written: {fault}", "set MAINSTAY_CACHE_DIR, then")
        ) from fault
    with _lock(part, report):
        if not part.cached.exists():
            _compile(part, go, report)
    return part.cached


def _missing(part: Part, why: str, how: str) -> str:
    names = " or ".join(part.names_on_path)
    return (
        f"{part.name} {part.version}: not in {part.env_name} (unset), no {names} of at least {part.release} "
        f"on PATH, not at {part.cached}, and {why}; fix: {how} run `python -m devstack.binaries {part.name}`"
    )


@contextmanager
def _lock(part: Part, report: Report) -> Iterator[None]:
    """Hold the part's file lock, so that two processes never build the same binary at once."""
    with (part.cached.parent / f".{part.cached.name}.lock").open("w") as file:
        since = said = time.monotonic()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() - said > PROGRESS_SECONDS:
                    said = time.monotonic()
                    report(f"{part.name} {part.version}: another process builds it, waiting {said - since:.0f} s")
                time.sleep(0.2)
        yield


def _compile(part: Part, go: str, report: Report) -> None:
    since = time.monotonic()
    report(f"{part.name} {part.version}: building (once; later starts use {part.cached})")
    with tempfile.TemporaryDirectory(dir=part.cached.parent, prefix=".build-") as folder:
        # Every set has its own output folder: two commands may both be called `server`.
        log = Path(folder) / "log"
        out = Path(folder) / "bin"
        code = _run_go(part, go, out, log, lambda: report(_elapsed(part, "building", since)))
        if code != 0:
            tail = " | ".join(log.read_text(errors="replace").strip().splitlines()[-4:])
            raise MissingToolError(_missing(part, f"its build failed ({tail})", "restore access to Go modules, then"))
        built = next(out.iterdir())
        built.chmod(0o755)
        built.replace(part.cached)
    report(_elapsed(part, "built", since))


def _elapsed(part: Part, what: str, since: float) -> str:
    return f"{part.name} {part.version}: {what}, {time.monotonic() - since:.0f} s"


def _run_go(part: Part, go: str, out: Path, log: Path, tick: Callable[[], None]) -> int:
    target = part.package if part.go_set else f"{part.package}@{part.version}"
    env = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOBIN": str(out),
        "GOTOOLCHAIN": "auto",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOWORK": "off",
    }
    for cross_compiling in ("GOOS", "GOARCH"):
        env.pop(cross_compiling, None)
    cwd = GO_SETS / part.go_set if part.go_set else out.parent
    with (
        log.open("w") as file,
        subprocess.Popen(
            [go, "install", "-ldflags", part.ldflags, target], cwd=cwd, env=env, stdout=file, stderr=file
        ) as build,
    ):
        while True:
            try:
                return build.wait(PROGRESS_SECONDS)
            except subprocess.TimeoutExpired:
                tick()


def main(names: list[str]) -> int:
    """Build or find the named binaries (all but the optional ones when none is named); print their paths."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    try:
        found = ensure(names or [name for name in PARTS if name not in OPTIONAL], report=_print_now)
    except MissingToolError as fault:
        print(fault, file=sys.stderr)
        return 1
    for name, path in found.items():
        print(f"{name:24} {path}")
    return 0


def _print_now(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
