"""Where the project's files lie, and what they look like."""

from pathlib import Path

CODE = Path(__file__).resolve().parents[1] / "code"
THROUGHPUT = Path(__file__).with_name("throughput.toml")


def is_recording(key: str) -> bool:
    """Whether the steps would read an object of this key."""
    return key.lower().endswith((".csv", ".csv.gz"))
