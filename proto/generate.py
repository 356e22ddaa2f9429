"""Write ``mainstay/gen`` from ``proto``: ``python proto/generate.py [FOLDER]``.

protoc writes imports as if the proto package were the Python package (``from mainstay.v1 import …``). The
stubs live in ``mainstay.gen.mainstay.v1``, so that they stand apart from written code; their imports are
rewritten, and nothing else is.
"""

from __future__ import annotations

import re
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "proto"
PACKAGE = "mainstay.gen"
OUT = ROOT / "mainstay" / "gen"

_IMPORT = re.compile(r"^(from|import) mainstay\.v1\b", re.MULTILINE)


def generate(out: Path) -> list[Path]:
    """Write every stub below ``out``; returns the files written. Raises RuntimeError when protoc refuses."""
    well_known = resources.files("grpc_tools") / "_proto"
    files = sorted(str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.proto"))
    plugins = [f"--{kind}_out={out}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    paths = [f"-I{SOURCES}", f"-I{well_known}", *_plugin_paths("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    if protoc.main(["protoc", *paths, *plugins, *files]) != 0:
        raise RuntimeError("protoc refused the files; its message stands above")
    written = sorted(path for path in out.rglob("*_pb2*") if path.suffix in (".py", ".pyi"))
    for path in written:
        path.write_text(_IMPORT.sub(rf"\1 {PACKAGE}.mainstay.v1", path.read_text()))
    for folder in (out / "mainstay", out / "mainstay" / "v1"):
        (folder / "__init__.py").touch()
    return written


def _plugin_paths(*names: str) -> list[str]:
    """Beside this interpreter, wherever PATH leads."""
    return [f"--plugin={name}={Path(sys.executable).parent / name}" for name in names]


def main(out: Path = OUT) -> None:
    """Replace what stands in ``out``; files whose source is gone go as well."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        written = generate(fresh)
        for old in out.rglob("*_pb2*.py*"):
            old.unlink()
        for path in (*written, *fresh.rglob("__init__.py")):
            target = out / path.relative_to(fresh)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text())
    sys.stdout.write(f"wrote {out}\n")


def stale(out: Path = OUT) -> list[str]:
    """Names of the files in ``out`` that are not what ``proto`` says now."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = {path.relative_to(folder): path.read_text() for path in generate(Path(folder))}
    here = {path.relative_to(out): path.read_text() for path in out.rglob("*_pb2*.py*")}
    return sorted(str(name) for name in fresh.keys() | here.keys() if fresh.get(name) != here.get(name))


def check() -> None:
    """Exit 1 when the generated code is not up to date."""
    found = stale()
    if found:
        sys.exit(f"mainstay/gen is not what proto/ says: run make proto ({', '.join(found)})")


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        check()
    else:
        main(*(Path(argument) for argument in sys.argv[1:2]))
