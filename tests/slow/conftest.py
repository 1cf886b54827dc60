"""What slow tests of several packages share."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, as pip builds it.

    pip is what everybody installs with, so it needs no further tool; and what it builds with is
    installed here, so nothing is fetched. Built from a copy: setuptools leaves things lying about,
    and takes in what others have left.
    """
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "checkout"
    shutil.copytree(ROOT, copy, ignore=_made_here)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*build, "--wheel-dir", folder, copy], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


def _made_here(folder: str, names: list[str]) -> set[str]:
    """What people's work leaves in a checkout."""
    patterns = (".*", "__pycache__", "local-store", "build", "dist", "*.egg-info")
    environments = {name for name in names if Path(folder, name, "pyvenv.cfg").exists()}
    return shutil.ignore_patterns(*patterns)(folder, names) | environments
