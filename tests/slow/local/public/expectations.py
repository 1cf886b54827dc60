"""Refuse a table that is not as it should be, and say why where the console shows it."""

import csv
import glob
import os
import sys
import traceback

INPUT = "/opt/ml/processing/input"
FAILURE = "/opt/ml/output/message"


def check():
    for path in glob.glob(os.path.join(INPUT, "**", "*.csv"), recursive=True):
        with open(path, newline="") as file:
            ages = [row["age"] for row in csv.DictReader(file)]
        bad = sum(bool(age) and float(age) > 60 for age in ages)
        if bad:
            raise ValueError(f"{os.path.basename(path)}: {bad} of {len(ages)} ages above 60")


try:
    check()
except Exception as error:
    with open(FAILURE, "w") as file:
        file.write(f"Expectations not met: {error}")
    traceback.print_exc()
    sys.exit(255)
