"""Run a command and say how long it took and how much memory its largest process had resident at most.

python -m benchmarks.studies.peak_memory optkit build hosted:resnet_v2_101
"""

import resource
import subprocess
import sys
import time


def main() -> int:
    """Run the command given as arguments; return its exit code."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    began = time.monotonic()
    code = subprocess.run(sys.argv[1:]).returncode
    seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of the largest descendant, not their sum
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    cpu = used.ru_utime + used.ru_stime
    print(f"peak resident {used.ru_maxrss * unit / 1e6:,.0f} MB, {seconds:.0f} s, {cpu:.0f} s of CPU", file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
