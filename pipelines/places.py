"""Where the project's files lie."""

from pathlib import Path

CODE = Path(__file__).resolve().parents[1] / "code"
THROUGHPUT = Path(__file__).with_name("throughput.toml")
