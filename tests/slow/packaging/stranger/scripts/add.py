"""The total of each table of this instance's share, times a factor."""

import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--tables", type=Path)
parser.add_argument("--totals", type=Path)
parser.add_argument("--factor", type=int)
given = parser.parse_args()
for table in sorted(given.tables.iterdir()):
    total = sum(map(int, table.read_text().split()))
    (given.totals / table.name).write_text(f"{total * given.factor}\n")
