"""The README says what is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import PROJECT
from sagepipe import Parameter
from sagepipe.building.parameters import resolve
from sagepipe.settings.facts import Settings

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PARAMETERS = resolve(PROJECT["ecg-pca"].parameters, Settings.local("ecg-pca"))


def row(parameter: Parameter) -> str:
    return f"| `{parameter.name}` | `{parameter.default}` | {parameter.description} |"


def test_the_table_of_parameters_is_the_definitions() -> None:
    table = README.split("## Pipeline parameters")[1].split("##")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert rows == [row(parameter) for parameter in PARAMETERS]


def test_every_parameter_it_uses_exists() -> None:
    used = set(re.findall(r"-p (\w+)=", README))
    assert len(used) > 3
    assert used - {"NAME"} <= {parameter.name for parameter in PARAMETERS}


def test_it_has_two_commands_to_start_with() -> None:
    assert len(re.findall(r"^pip install", README, re.MULTILINE)) == 2


def commands() -> list[str]:
    return sorted(set(re.findall(r"python -m (pipelines\.\w+)", README)))


@pytest.mark.parametrize("module", commands())
def test_every_command_it_names_has_help_with_examples(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "examples:" in done.stdout


@pytest.mark.parametrize("module", commands())
def test_every_option_it_shows_exists(module: str) -> None:
    lines = re.findall(rf"python -m {re.escape(module)}\b([^\n`]*)", README)
    options = {option for line in lines for option in re.findall(r"(--[a-z-]+)", line)}
    said = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert all(option in said for option in options), options


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README) or ["README.md"])
def test_every_file_it_links_to_exists(link: str) -> None:
    assert (ROOT / link).exists()
