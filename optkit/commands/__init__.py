"""The subcommands of `optkit`: one file each, one line each in `COMMANDS`; imported when it is run."""

from __future__ import annotations

from optkit.commands.command import Command, Line

COMMANDS: dict[str, Command | Line] = {
    "init": Line("init", "write a first suite file for your own model"),
    "list": Line("listing", "list the suites, or the variants and gates of one"),
    "build": Line("build", "build variants and print where they are"),
    "key": Line("key", "print one key for all that a suite builds: for the cache of a CI"),
    "bench": Line("bench", "build a suite, time it in fresh processes, judge it by its gates"),
    "gate": Line("gate", "judge a saved run by its suite's gates"),
    "ab": Line("ab", "time two models, or two builds of a suite, against each other"),
    "compare": Line("compare", "compare two saved runs"),
    "history": Line("history", "show saved runs over time and locate changes"),
    "doctor": Line("doctor", "say where a quantized file loses accuracy, why, and what mends it"),
    "choose": Line(
        "choose", "name the variant of a saved run to ship, and why no other; exit code 3 when nothing fits"
    ),
    "report": Line("report", "write a page on saved runs: HTML, Markdown and the front as a picture"),
    "export": Line("export", "write a saved run in the format of another tool"),
    "inspect": Line("inspect", "show what is in a .tflite file, where its time goes, and how two differ"),
    "tune": Line("tune", "find the settings with which a file is fastest, and how surely they beat the defaults"),
    "search": Line("search", "find the best recipe of a model under a budget"),
    "run": Line("run", "classify image files with a model file"),
    "mnn": Line("mnn", "make a .mnn file of a float .tflite file, quantized by MNN"),
    "advise": Line(
        "advise", "name the recipe to start with, and the command that builds it; exit code 3 when no scheme fits"
    ),
    "store": Line("store", "list, check and clean the artifact store"),
    "schema": Line("schema", "print the JSON Schema of suite files"),
}


def load_command(name: str) -> Command:
    """Return the command called `name`, which must be in `COMMANDS`."""
    found = COMMANDS[name]
    return found.load(name) if isinstance(found, Line) else found
