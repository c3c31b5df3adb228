"""Peak memory of training from a file, as the file grows: it must not grow with it.

Writes files of random examples, trains from each in a process of its own (``nukarumi fit``), and prints the peak of
resident memory that the operating system has counted.

    python benchmarks/linear_memory.py [--gigabytes 2] [--folder FOLDER]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FEATURES, WIDTH, BLOCK = 100_000, 50, 20_000


def write(path: Path, size: int) -> int:
    """Random svmlight text of at least so many bytes; the number of rows."""
    rng = np.random.default_rng(0)
    rows = 0
    with path.open("wb") as file:
        texts = []
        for _ in range(4):  # four different stretches of text, repeated: the reader cannot tell
            columns = np.sort(rng.integers(0, FEATURES, (BLOCK, WIDTH)), axis=1)
            labels = np.where(columns.sum(axis=1) > WIDTH * FEATURES / 2, "1", "-1")
            lines = (
                f"{label} " + " ".join(f"{column}:{value}" for column, value in zip(row, values, strict=True))
                for label, row, values in zip(
                    labels, columns.tolist(), rng.random((BLOCK, WIDTH)).round(4).tolist(), strict=True
                )
            )
            texts.append(("\n".join(lines) + "\n").encode())
        while file.tell() < size:
            file.write(texts[rows // BLOCK % len(texts)])
            rows += BLOCK
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, help="where the files go for a while (default: the temporary folder)")
    given = parser.parse_args()
    for share in (0.02, 0.1, 1.0):
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            path = Path(name) / "train.svm"
            rows = write(path, int(share * given.gigabytes * 1e9))
            size, begun = path.stat().st_size, time.perf_counter()
            program = (
                "import resource, sys; from nukarumi.cli import main; code = main(sys.argv[1:]); "
                "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
            )
            ended = subprocess.run(
                [sys.executable, "-c", program, "fit", str(path), "--quiet"], capture_output=True, text=True, check=True
            )
            seconds = time.perf_counter() - begun
        peak = int(ended.stdout.split()[-1]) / 1024
        print(f"{size / 1e9:6.3f} GB, {rows:10,} rows: peak {peak:6.0f} MiB, {seconds:6.1f} s, "
              f"{size / 1e6 / seconds:4.0f} MB/s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
