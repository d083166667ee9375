"""docs/reference/commands.md: every command with its arguments, read from the parsers that read the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from benchmarks.studies.pages.markdown import code, made, table
from optkit.cli import parser_for
from optkit.commands import COMMANDS, load_command

_HEAD = """\
# Commands

{made}

`optkit COMMAND --help` prints the same. Every command also takes these:

| argument | meaning |
|---|---|
| `-h`, `--help` | print what the command takes, and end |
| `--json` | print the result as JSON and nothing else. An error is JSON, too: `{{"error": "..."}}` |

`optkit --version` prints the version.

## Exit codes

{codes}"""
_EVERYWHERE = ("help", "json")


def page(command: str) -> str:
    """Return the page; `command` is what makes it."""
    codes = (parser_for([]).epilog or "").removeprefix("Exit codes: ")
    parts = [_HEAD.format(made=made(command), codes=f"{codes[0].upper()}{codes[1:]}")]
    return "\n\n".join([*parts, *(section(name) for name in COMMANDS)]) + "\n"


def section(name: str) -> str:
    """Return the part of the page on the command called `name`."""
    parser = subparser(name)
    rows = [("argument", "meaning"), *(_row(action) for action in _actions(parser))]
    arguments = table(*rows) if len(rows) > 1 else "It takes no arguments of its own."
    return "\n\n".join(
        [f"## optkit {name}", parser.description or "", f"```\n{load_command(name).example}\n```", arguments]
        + [group.description for group in parser._action_groups if group.description]
    )


def subparser(name: str) -> argparse.ArgumentParser:
    """Return the parser of the command called `name`, with all that it takes."""
    (group,) = (
        action
        for action in parser_for([name])._actions
        if isinstance(action, argparse._SubParsersAction)  # argparse has no public way to what it knows
    )
    found: argparse.ArgumentParser = group.choices[name]
    return found


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield what is given by place, then the options."""
    hidden = argparse.SUPPRESS  # what its group says in one sentence
    own = [action for action in parser._actions if action.dest not in _EVERYWHERE and action.help != hidden]
    yield from (action for action in own if not action.option_strings)
    yield from (action for action in own if action.option_strings)


def _row(action: argparse.Action) -> tuple[str, str]:
    value = _value(action)
    names = [f"{name} {value}".rstrip() for name in action.option_strings] or [value]
    return ", ".join(map(code, names)), _meaning(action)


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    word = action.metavar if isinstance(action.metavar, str) else "WORD" if action.choices else action.dest.upper()
    return {"?": f"[{word}]", "+": f"{word}...", "*": f"[{word}...]"}.get(str(action.nargs), word)


def _meaning(action: argparse.Action) -> str:
    text = (action.help or "") % {**vars(action), "prog": "optkit"} if action.help else ""
    choices = f"one of {', '.join(map(code, action.choices))}" if action.choices else ""
    needed = "needed" if action.option_strings and action.required else ""
    return "; ".join(filter(None, (text, choices, needed)))
