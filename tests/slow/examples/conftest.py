"""The toolkit as it is installed, and examples copied to where nothing of this repository is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import Environment

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built from a copy: setuptools leaves things lying about."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "checkout"
    shutil.copytree(ROOT / "sagepipe", copy / "sagepipe")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*build, "--wheel-dir", folder, copy], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Environment]:
    """Makes an environment that is empty, or finds what the tests' own has.

    The SDK and Spark are a gigabyte. `--system-site-packages` would mean those of the Python that
    this environment was itself made from.
    """
    pinned = re.findall(r"^\S+==[^\\\n]+", (ROOT / "requirements-dev.txt").read_text(), re.M)

    def make(name: str, *, empty: bool = False) -> Environment:
        folder = tmp_path_factory.mktemp(name)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        constraints = folder / "constraints.txt"
        constraints.write_text("" if not empty else "\n".join(pinned))
        if not empty:
            own = sysconfig.get_path("purelib", vars={"base": str(folder)})
            outer = sysconfig.get_path("purelib")
            (Path(own) / "outer.pth").write_text(f"{outer}\n")
        return Environment(folder, constraints)

    return make


@pytest.fixture(scope="session")
def installed(make_environment: Callable[..., Environment], wheel: Path) -> Environment:
    """The toolkit with its extras."""
    made = make_environment("installed")
    made.install(f"{wheel}[sdk,spark]")
    return made


@pytest.fixture(scope="session")
def core(make_environment: Callable[..., Environment], wheel: Path) -> Environment:
    """The toolkit alone: no SDK, no Spark, no numpy."""
    made = make_environment("core", empty=True)
    made.install(str(wheel), "pytest")
    return made


@pytest.fixture(scope="session")
def variables() -> Callable[[Environment], dict[str, str]]:
    """The variables of somebody who works in an environment, and has no account."""

    def made(environment: Environment) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "AWS_", "PYTEST"))
        }
        return {
            **kept,
            "PATH": f"{environment.folder / 'bin'}:{os.environ['PATH']}",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    return made


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str], Path]:
    """Copies an example as it is committed."""

    def copy(name: str) -> Path:
        left_behind = shutil.ignore_patterns("local-store", "__pycache__", ".*_cache", "*.jar")
        return Path(shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=left_behind))

    return copy
