"""The subcommands of `optkit`: one file each, one line each in `COMMANDS`."""

from __future__ import annotations

from optkit.commands.ab import AB
from optkit.commands.advise import ADVISE
from optkit.commands.bench import BENCH
from optkit.commands.build import BUILD
from optkit.commands.command import Command
from optkit.commands.compare import COMPARE
from optkit.commands.gate import GATE
from optkit.commands.history import HISTORY
from optkit.commands.init import INIT
from optkit.commands.listing import LIST
from optkit.commands.run import RUN
from optkit.commands.schema import SCHEMA

COMMANDS: dict[str, Command] = {
    "init": INIT,
    "list": LIST,
    "build": BUILD,
    "bench": BENCH,
    "gate": GATE,
    "ab": AB,
    "compare": COMPARE,
    "history": HISTORY,
    "run": RUN,
    "advise": ADVISE,
    "schema": SCHEMA,
}
