"""Counts the rows of CSV files; its helper lies beside it, as in a source_dir."""

import argparse
import json
from pathlib import Path

from counting import rows


def main() -> None:
    """Writes the counts to a JSON file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    counts = {path.name: rows(path) for path in sorted(arguments.input.glob("*.csv"))}
    (arguments.output / "rows.json").write_text(json.dumps(counts))
    print(counts)


if __name__ == "__main__":
    main()
