"""Draw the layers of a diagnosis in the order of the graph: what is left of the signal, and what each layer costs.

python -m optkit doctor float.tflite int8.tflite --data data.npz --json > diagnosis.json
python -m benchmarks.studies.doctor_picture diagnosis.json docs/pictures/doctor.svg
"""

import argparse
import html
import json
from pathlib import Path
from typing import Any

WIDTH, ROW, LABEL, BAR = 760, 18, 210, 230
GREY, BLUE, ORANGE = "#767676", "#2a7ab9", "#c8590b"


def picture(found: dict[str, Any]) -> str:
    """Return a diagnosis, as --json prints it, as an SVG: a row for each layer that is stored as integers."""
    layers = [one for one in found["layers"] if one["cost"] is not None]
    noise = [one["sqnr_db"] or 0.0 for one in layers]
    most_db, most_cost = max([1.0, *(db for db in noise if db < 100)]), max([1e-12, *(one["cost"] for one in layers)])
    worst = max(layers, key=lambda one: one["cost"])["name"]
    parts = [_text(LABEL + 8, 16, "signal over error, dB", "start"), _text(LABEL + BAR + 60, 16, "cost", "start")]
    for place, one in enumerate(layers):
        y = 26 + place * ROW
        db = min(one["sqnr_db"] or 0.0, most_db)
        colour = ORANGE if one["name"] == worst else BLUE
        parts += [
            _text(LABEL, y + 12, one["name"], "end"),
            _bar(LABEL + 8, y, BAR * max(db, 0.0) / most_db, GREY),
            _text(LABEL + 12 + BAR * max(db, 0.0) / most_db, y + 12, f"{one['sqnr_db'] or 0:.0f}", "start"),
            _bar(LABEL + BAR + 60, y, BAR * one["cost"] / most_cost, colour),
            _text(LABEL + BAR + 64 + BAR * one["cost"] / most_cost, y + 12, f"{one['cost']:.2g}", "start"),
        ]
    height = 34 + len(layers) * ROW
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-size="11" '
    head += 'font-family="sans-serif">'
    title = "<title>Signal over error, and cost at the output, of each layer of the quantized file</title>"
    return "\n".join([head, title, *parts, "</svg>", ""])


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{GREY}">{html.escape(words)}</text>'


def _bar(x: float, y: float, width: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y + 2:.1f}" width="{width:.1f}" height="{ROW - 6}" fill="{colour}"/>'


def main() -> None:
    """Read the command line, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("diagnosis", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    options.picture.write_text(picture(json.loads(options.diagnosis.read_text())))


if __name__ == "__main__":
    main()
