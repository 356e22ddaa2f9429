"""The doors' signing key: made once, readable by its owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mainstay.domain.errors import InvalidArgument, NotAllowed
from mainstay.domain.signature import Signer


def load_signer(path: Path) -> Signer:
    """The signer of the Ed25519 key (PEM, PKCS#8) at ``path``; a missing one is generated with mode 0600.

    Raises NotAllowed for a file that others may read, InvalidArgument for one that holds no such key.
    """
    if not path.exists():
        _generate(path)
    try:
        if path.stat().st_mode & 0o077:
            raise NotAllowed(f"{path} is open to others: run chmod 600 {path}", field="signing_key")
        return Signer.from_pem(path.read_bytes())
    except InvalidArgument as fault:
        raise InvalidArgument(f"{path}: {fault.message}", field="signing_key") from None
    except OSError as fault:
        raise InvalidArgument(f"{path} cannot be read: {fault.strerror}", field="signing_key") from None


def _generate(path: Path) -> None:
    """Whole or not at all: of several processes that start at once, one wins and all read its key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
