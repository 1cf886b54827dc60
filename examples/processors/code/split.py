"""Splits CSV recordings into train, validation and test rows.

Written for SageMaker and nothing else: its paths are those of a processing container. It is told
which processor runs it by an argument, as a Processor does, or by a variable.
"""

import argparse
import csv
import os
from pathlib import Path

BASE = Path("/opt/ml/processing")
SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def main() -> None:
    """Every recording gives the first 80 % of its rows to train, and so on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--processor", default=os.environ.get("PROCESSOR", "unknown"))
    processor = parser.parse_args().processor
    for source in sorted((BASE / "data").rglob("*.csv")):
        with source.open(newline="") as file:
            header, *rows = csv.reader(file)
        start = 0.0
        for split, share in SHARES.items():
            first, last = round(start * len(rows)), round((start + share) * len(rows))
            start += share
            folder = BASE / "output" / split
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / source.name).open("w", newline="") as file:
                csv.writer(file).writerows([header, *rows[first:last]])
            print(f"{processor}: {source.name}: {last - first} rows for {split}")


if __name__ == "__main__":
    main()
