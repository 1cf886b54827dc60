"""Splits CSV recordings into train, validation and test rows, in the order that they have.

Written for SageMaker and nothing else: its paths are those of a processing container. It is told
which processor runs it by an argument, or by a variable.
"""

import argparse
import csv
import os
from pathlib import Path

from shares import bounds

BASE = Path("/opt/ml/processing")


def main():
    """Each recording gives a file of its name to every split."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--processor", default=os.environ.get("PROCESSOR", "unknown"))
    parser.add_argument("--test-share", type=float, required=True)
    arguments = parser.parse_args()
    for source in sorted((BASE / "data").rglob("*.csv")):
        with source.open(newline="") as file:
            header, *rows = csv.reader(file)
        for split, (first, last) in bounds(len(rows), arguments.test_share).items():
            with (BASE / "output" / split / source.name).open("w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([header, *rows[first:last]])
            print(f"{arguments.processor}: {source.name}: {last - first} rows for {split}")


if __name__ == "__main__":
    main()
