"""The parse limit: pyarrow reads every cell of the recordings as float64, and drops it."""

import os
import sys

# As the step scripts have it: Arrow's other pools make this limit lower than it is.
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"

import pyarrow as pa
import pyarrow.csv


def main(source: str) -> None:
    """Read every CSV file in a folder, a megabyte at a time, on one thread."""
    for name in sorted(os.listdir(source)):
        path = os.path.join(source, name)
        with open(path, encoding="utf-8") as file:
            names = file.readline().rstrip("\n").split(",")
        reader = pyarrow.csv.open_csv(
            pa.OSFile(path),
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=1 << 20),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.float64())
            ),
        )
        for _ in reader:
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
