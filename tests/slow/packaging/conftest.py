"""The wheel, an empty virtual environment that has only it, and somebody else's repository."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from environments import Distribution, Environment

ROOT = Path(__file__).resolve().parents[3]
STRANGER = Path(__file__).parent / "stranger"

collect_ignore = ["stranger"]  # its tests are run by its own pytest


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, as pip builds it.

    pip is what everybody installs with, so it needs no further tool; and what it builds with is
    installed here, so nothing is fetched. Built from a copy: setuptools leaves things lying about,
    and takes in what others have left.
    """
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "checkout"
    ignored = shutil.ignore_patterns(
        ".*", "__pycache__", "local-store", "build", "dist", "*.egg-info", "node_modules"
    )
    shutil.copytree(ROOT, copy, ignore=ignored)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*build, "--wheel-dir", folder, copy], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """An empty environment with the core and what it brings, and nothing else: no pip either."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    pinned = re.findall(r"^\S+==[^\\\n]+", (ROOT / "requirements-dev.txt").read_text(), re.M)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pinned))
    made = Environment(folder / "venv", constraints)
    made.install(str(wheel))
    return made


@pytest.fixture(scope="session")
def core(environment: Environment) -> Mapping[str, Distribution]:
    """What `pip install sagepipe` has brought, before anything else came along."""
    return environment.installed()


@pytest.fixture(scope="session")
def with_pytest(core: Mapping[str, Distribution], environment: Environment) -> Environment:
    """The same environment with pytest, which tests of one's pipelines need."""
    environment.install("pytest")
    return environment


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a `pipelines/` and a `steps/` of its own."""
    return Path(shutil.copytree(STRANGER, tmp_path / "stranger"))
