"""What the step Clean of the fixture project would run."""

import argparse
from collections.abc import Sequence


def refusal(argv: Sequence[str]) -> str:
    """Why it would refuse these arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--columns")
    parser.add_argument("--fill", choices=("zero", "interpolate", "drop"))
    columns = parser.parse_args(argv).columns
    return "--columns is empty between two commas" if ",," in columns else ""


if __name__ == "__main__":
    print("clean")
