"""What went wrong, in one line, and what to do about it, in another."""

from __future__ import annotations

from mainstay.cli.exits import KINDS, Exit


class Problem(Exception):  # noqa: N818 - shown to a person, not handled by a program
    """Ends the command. ``kind`` is a refusal's name, or ``Usage``, ``Declined``, ``Internal``."""

    def __init__(
        self,
        kind: str,
        message: str,
        hint: str = "",
        *,
        exit_code: Exit | None = None,
        field: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.exit_code = exit_code if exit_code is not None else KINDS.get(kind, Exit.UNEXPECTED)
        self.field = field
        self.request_id = request_id

    def as_json(self) -> dict[str, object]:
        """The document that ``--json`` writes to standard error."""
        return {
            "error": {
                "kind": self.kind,
                "message": self.message,
                "hint": self.hint,
                "field": self.field,
                "exit_code": int(self.exit_code),
                "request_id": self.request_id,
            }
        }


def usage(message: str, hint: str = "", *, field: str = "") -> Problem:
    """The command line itself is wrong."""
    return Problem("Usage", message, hint, exit_code=Exit.USAGE, field=field)


def declined(message: str = "nothing was changed") -> Problem:
    """A person answered no."""
    return Problem("Declined", message, exit_code=Exit.UNEXPECTED)
