"""Virtual environments that a test makes, and what is installed in them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Ran inside the environment: bytes of each distribution by its name, and who needs whom.
CENSUS = """\
import importlib.metadata, json, re
found = {}
for one in importlib.metadata.distributions():
    files = [one.locate_file(file) for file in one.files or ()]
    found[one.metadata["Name"].lower()] = {
        "bytes": sum(file.stat().st_size for file in files if file.is_file()),
        "needs": [re.match(r"[A-Za-z0-9._-]+", need)[0].lower() for need in one.requires or ()
                  if "extra ==" not in need],
    }
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Distribution:
    """What is installed under one name."""

    bytes: int
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Environment:
    """A virtual environment; `constraints` are the versions that this repository has pinned."""

    folder: Path
    constraints: Path

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    def install(self, *what: str) -> None:
        """With the pip of the environment that the tests run in: this one has none."""
        pip = [sys.executable, "-m", "pip", "--python", self.program("python"), "install", "-q"]
        done = subprocess.run(
            [*pip, "--constraint", str(self.constraints), *what], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    def installed(self) -> Mapping[str, Distribution]:
        done = subprocess.run(
            [self.program("python"), "-c", CENSUS], capture_output=True, text=True, check=True
        )
        return {
            name: Distribution(one["bytes"], tuple(one["needs"]))
            for name, one in json.loads(done.stdout).items()
        }
