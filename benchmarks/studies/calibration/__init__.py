"""How `optkit ab` behaves on real pairs: identical files, and models with a known amount of extra work.

    python -m benchmarks.studies.calibration build -o ARTIFACTS     # networks, and wider forms of them
    python -m benchmarks.studies.calibration truth -o ARTIFACTS     # which widths are +2, +3, +5 % here, and how much
    python -m benchmarks.studies.calibration run -o ARTIFACTS --condition quiet     # then one, both, four competitors
    python -m benchmarks.studies.calibration run -o ARTIFACTS --condition four --only mobilenet --repeats 20
    python -m benchmarks.studies.calibration publish docs/evidence/ab.md

Everything that is measured is appended to `docs/results/calibration/` as it is found; each command goes on where it was
interrupted. `--minutes` ends it earlier; the order is balanced wherever it is cut. `--dry-run` prints the plan and its
estimated time, `--blocks N` takes a shorter plan, `--only` one identical pair again and again. `publish --results OTHER
--block NAME` shows the records of another machine in a place of their own.
"""
