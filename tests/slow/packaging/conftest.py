"""An empty virtual environment that has only the wheel, and somebody else's repository."""

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
