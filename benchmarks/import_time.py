"""What ``import nukarumi`` adds to ``import numpy``, in milliseconds, in fresh processes."""

import argparse
import sys

from nukarumi.bench.timing import fresh

PROGRAM = "import numpy, time; start = time.perf_counter(); import nukarumi; print(time.perf_counter() - start)"

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--limit-ms", type=float, help="end with an error above this")
given = parser.parse_args()
milliseconds = 1e3 * fresh(PROGRAM, rounds=11)
print(f"import nukarumi adds {milliseconds:.1f} ms to import numpy (median of 11 fresh processes)")
if given.limit_ms is not None and milliseconds > given.limit_ms:
    sys.exit(f"that is more than {given.limit_ms:g} ms")
