"""Change a .tflite file in one known way, write it down in another order, and count what `optkit inspect` finds.

    python -m benchmarks.studies.inspect_edits --edits 40 --seed 1 -o docs/results/inspect_edits.json

Each edit is made on a network of `networks`, or on a file given with --model. Then all names are dropped, and tensors,
buffers, codes and operators are numbered anew, so that nothing but the structure tells what belongs together. An edit
counts as found when it is told at the right operator; whatever else is told, and does not follow from it, is counted as
wrong. The script ends with 1 when an edit was missed or something wrong was told.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

from benchmarks.studies.inspect_edits.attempt import nothing_is_found, packed, try_edit
from benchmarks.studies.inspect_edits.edits import EDITS
from benchmarks.studies.inspect_edits.networks import NETWORKS, network
from optkit.tflite.flatbuffer import read_flatbuffer


def study(bases: dict[str, bytes], edits: int, seed: int) -> dict[str, Any]:
    """Return the table: for each edit and network how many were made, found, and how much was told wrongly."""
    rows = []
    for name, edit in EDITS.items():
        for network_name, base in bases.items():
            rng = random.Random(f"{seed}/{name}/{network_name}")
            made = [one for one in (try_edit(base, edit, rng) for _ in range(edits)) if one is not None]
            if made:
                wrong = sum(len(one[1]) for one in made)
                hits = sum(one[0] for one in made)
                rows.append(
                    {"edit": name, "network": network_name, "made": len(made), "found": hits, "told_wrongly": wrong}
                )
    same = {
        network_name: sum(nothing_is_found(base, random.Random(f"{seed}/{i}")) for i in range(edits))
        for network_name, base in bases.items()
    }
    return {"seed": seed, "edits": rows, "same_file_in_another_order": {"tried": edits, "nothing_found": same}}


def main() -> int:
    """Run the study, print its table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=40, help="of each kind on each network")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, action="append", default=[], help="a .tflite file to edit, too")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    bases = {
        f"{name} {'int8' if integer else 'float'}": packed(network(name, number, integer))
        for number, name in enumerate(NETWORKS)
        for integer in (False, True)
    }
    bases |= {path.name: packed(read_flatbuffer(path)) for path in options.model}
    table = study(bases, options.edits, options.seed)
    for row in table["edits"]:
        print(f"{row['edit']:28} {row['network']:32} {row['found']:4} of {row['made']:4}, {row['told_wrongly']} wrong")
    print(table["same_file_in_another_order"])
    if options.output:
        options.output.write_text(json.dumps(table, indent=1) + "\n")
    good = all(row["found"] == row["made"] and not row["told_wrongly"] for row in table["edits"])
    return 0 if good and set(table["same_file_in_another_order"]["nothing_found"].values()) == {options.edits} else 1


if __name__ == "__main__":
    sys.exit(main())
