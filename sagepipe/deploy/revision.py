"""The state of the checkout that something was made from."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Revision:
    """A git commit; `dirty` if files differ from it or aren't in it."""

    commit: str
    dirty: bool

    def __str__(self) -> str:
        return self.commit[:12] + ("-dirty" if self.dirty else "")

    def describe(self) -> str:
        """In words."""
        return f"commit {self.commit}" + (" with changes not in it" if self.dirty else "")


def find(folder: Path) -> Revision | None:
    """The revision of the checkout that a folder is in, or None outside of git or before the first
    commit."""
    try:
        status = subprocess.run(
            ["git", "status", "--porcelain=v2", "--branch"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    lines = status.splitlines()
    commit = next(
        (line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "(initial)"
    )
    if commit == "(initial)":
        return None
    return Revision(commit, any(not line.startswith("#") for line in lines))
