"""``mainstay``: the command tree, the global options, and the net in which every error ends as two lines.

Commands are registered by name and imported when they are used, so that help and completion stay fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

from mainstay.cli import exits, output
from mainstay.cli.arguments import OPTIONS, QUIET
from mainstay.cli.exits import Exit
from mainstay.cli.options import GlobalOptions
from mainstay.cli.problem import Problem, usage
from mainstay.cli.prompts import with_standard_input

_COMMANDS = "mainstay.cli.commands"


def own_version() -> str:
    """Of the installed distribution; a checkout that was never installed has none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mainstay")
    except PackageNotFoundError:
        return "unknown"


app = App(
    name="mainstay",
    help="Declare incidents, answer pages, approve changes and run runbooks.",
    help_format="plaintext",
    help_epilogue=exits.told(),
    version=own_version,
    group_parameters=OPTIONS,
    default_parameter=QUIET,
)
app.meta.group_parameters = Group("Global options", sort_key=1000)

for _name, _help in (
    ("incident", "Declare, answer, follow and close incidents."),
    ("mitigation", "The ledger of what was done for a while."),
    ("oncall", "Who is on call, when, and who stands in."),
    ("runbook", "Write, check, plan and run runbooks; control their runs."),
    ("action-item", "What must happen so that it does not happen again."),
    ("config", "The operators' folder."),
    ("action", "What runbooks can change."),
    ("probe", "What runbooks can look at."),
    ("channel", "How people can be reached."),
    ("halt", "Stop every change to every cluster, and go on again."),
):
    app.command(f"{_COMMANDS}.{_name.replace('-', '_')}:app", name=_name, help=_help)
for _name, _help in (
    ("status", "Does the server have all that it needs? Ends with 6 if a part does not answer."),
    ("version", "The version of this command, and of the server."),
    ("completion", "A completion script for your shell, on standard output; or installed."),
):
    app.command(f"{_COMMANDS}.system:{_name}", name=_name, help=_help, group_parameters=OPTIONS)
app.command(
    f"{_COMMANDS}.simulate:simulate",
    name="simulate",
    help="Play an incident on virtual time: who would be told what, when and how.",
    group_parameters=OPTIONS,
)


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    options: GlobalOptions | None = None,
) -> Any:
    (options or GlobalOptions()).begin()
    return _parse(app, tokens)


def _parse(tree: App, tokens: Sequence[str]) -> Any:
    return tree(list(tokens), exit_on_error=False, print_error=False, result_action="return_value")


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """The exit code of one command line. No stack trace ever reaches a person."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what its C core says of sockets helps nobody here
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows ? instead of failing
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except BrokenPipeError:
        code = _broken_pipe()
    finally:
        _close()
    return int(code)


def _run(arguments: Sequence[str]) -> int:
    try:
        _check_text(arguments)
        result = _parse(app.meta, with_standard_input(arguments))
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:  # each is told in its own way
        problem = _problem(error)
        output.tell(problem, as_json="--json" in arguments)
        return problem.exit_code
    return result if isinstance(result, int) else Exit.OK


def _check_text(arguments: Sequence[str]) -> None:
    for number, argument in enumerate(arguments, 1):
        if any("\ud800" <= char <= "\udfff" for char in argument):
            raise usage(f"argument {number} is not UTF-8 text")


def _problem(error: Exception) -> Problem:
    from mainstay.domain.errors import Refusal

    match error:
        case Problem():
            return error
        case CycloptsError():
            error.verbose = False
            command = " ".join(("mainstay", *(error.command_chain or ())))
            said = str(error).strip().removesuffix("...").removesuffix(".").removesuffix(", ")
            return usage(said, f"`{command} --help` explains it")
        case Refusal():
            return Problem(error.kind, error.message, field=error.field or "")
        case _:
            if os.environ.get("MAINSTAY_DEBUG"):
                raise error
            hint = "please report it, with what MAINSTAY_DEBUG=1 shows"
            return Problem("Internal", f"a fault of mainstay itself: {type(error).__name__}: {error}", hint)


def _broken_pipe() -> int:
    """The reader went away (``… | head``). Python would complain once more when it closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.BROKEN_PIPE


def _close() -> None:
    if "mainstay.cli.calls" in sys.modules:
        from mainstay.cli import calls

        calls.close()


if __name__ == "__main__":
    main()
