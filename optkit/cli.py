"""The `optkit` command: parse, call, print, set the exit code. What each subcommand does is in `commands/`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

import msgspec

from optkit import __version__
from optkit.commands import COMMANDS, load_command
from optkit.errors import QUIET_ERRORS, OptkitError, nearest
from optkit.names import shown as safe
from optkit.names import shown_json, shown_lines
from optkit.process.interrupts import handled, noticed, stopped
from optkit.process.output import in_workflow, prepared, show, tell, workflow_command
from optkit.process.temporary import sweep
from optkit.report.terminal import is_coloured, painted

_CODES = (
    "Exit codes: 0 good, 1 a gate failed or a regression was found, 2 bad usage or bad input. "
    "3 inconclusive, not comparable, or nothing fits. 4 a defect of optkit, 130 interrupted, 143 terminated. "
    "A defect is one line; OPTKIT_DEBUG=1 shows where it happened."
)


@handled
@prepared
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parsed(given)
    warnings.showwarning = _show_warning
    try:
        with noticed():
            sweep()
            result, shown, code = options.run(options)
        if options.json:
            text = shown_json(_as_json(result))
        else:
            text = _painted(shown_lines(shown, workflow=in_workflow()))
    except OptkitError as error:
        if not (options.json and os.environ.get(QUIET_ERRORS)):
            _tell_error(f"error: {error}")
        return show(json.dumps({"error": str(error)}), 2) if options.json else 2
    except KeyboardInterrupt:
        return stopped()
    except Exception as error:  # whatever else is raised is nothing that the user did
        return _defect(error, options.json)
    return show(text, int(code))


def _painted(text: str) -> str:
    """Return the text of a result with colours, where standard output has them."""
    if not is_coloured(sys.stdout):
        return text
    return painted(text)


def _parsed(given: Sequence[str]) -> argparse.Namespace:
    options, unknown = parser_for(given).parse_known_args(given)
    if unknown:
        options.parser.error(_unknown(unknown, list(options.parser._option_string_actions)))
    return options


def _unknown(arguments: Sequence[str], known: Sequence[str]) -> str:
    """Say what was not understood of a command line, and which option was probably meant."""
    text = f"unrecognized arguments: {' '.join(map(safe, arguments))}"
    option = next((one.split("=")[0] for one in arguments if one.startswith("--")), None)
    if option is None:
        return text
    like = [one for one in known if one.split("-")[2:3] == option.split("-")[2:3]]  # such as all of --max-…
    return f"{text}; there is no {safe(option)}; {nearest(option, like or known)}"


def _as_json(result: Any) -> str:
    try:
        return msgspec.json.format(msgspec.json.encode(result), indent=1).decode()
    except UnicodeEncodeError:  # the name of a file that is not UTF-8: json writes its bytes as escapes
        return json.dumps(msgspec.to_builtins(result), indent=1)


def _defect(error: Exception, as_json: bool) -> int:
    """Tell of a defect of optkit in one line, with where it happened when OPTKIT_DEBUG is set; return exit code 4."""
    about = " ".join(f"{type(error).__name__}: {error}".split())
    message = (
        f"{about[:500]}; please report it with the command that you ran, the files that it read, and what the same "
        "command prints with OPTKIT_DEBUG=1"
    )
    if os.environ.get("OPTKIT_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error)
    _tell_error(f"defect: {message}")
    return show(json.dumps({"error": f"defect: {message}"}), 4) if as_json else 4


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    # in a workflow, a line of this form is shown on the change itself
    tell(workflow_command("warning", message, title="optkit") if in_workflow() else f"optkit: warning: {safe(message)}")


def _tell_error(message: str) -> None:
    tell(workflow_command("error", message, title="optkit") if in_workflow() else shown_lines(f"optkit: {message}"))


def parser_for(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of a command line. Of commands that it does not name only the help is known."""
    chosen = next((argument for argument in arguments if not argument.startswith("-")), None)
    parser = argparse.ArgumentParser(
        prog="optkit",
        description="Evidence for model compression: which optimized form of a model to ship, and is it worse today?",
        epilog=_CODES,
    )
    parser.add_argument("--version", action="version", version=f"optkit {__version__}")
    added = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, line in COMMANDS.items():
        about = f"{line.about[0].upper()}{line.about[1:]}."
        if name != chosen:
            added.add_parser(name, help=line.about, description=about)
            continue
        command = load_command(name)
        sub = added.add_parser(name, help=line.about, description=about, epilog=f"Example: {command.example}")
        sub.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
        command.options(sub)
        sub.set_defaults(run=command.run, parser=sub)
    return parser
