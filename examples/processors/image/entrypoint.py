"""Keeps every n-th sample of CSV recordings: the program of the image, all said by its options."""

import argparse
from pathlib import Path


def main():
    """A thinner recording for each, under its own name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, required=True, help="folder of *.csv")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--every", type=int, default=2, help="keep one sample of so many")
    options = parser.parse_args()
    for source in sorted(options.input.rglob("*.csv")):
        header, *rows = source.read_text().splitlines(keepends=True)
        kept = rows[:: options.every]
        (options.output / source.name).write_text(header + "".join(kept))
        print(f"{source.name}: {len(kept)} of {len(rows)} samples")


if __name__ == "__main__":
    main()
