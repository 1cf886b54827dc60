"""examples/: what their READMEs say is so, with the toolkit as it is installed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import Environment
from readme import Command, commands, try_out

from sagepipe.local.launch import namespaces

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FOLDERS = sorted(path.name for path in EXAMPLES.iterdir() if (path / "README.md").is_file())
OF_V2 = "sdk_v2"

Copied = Callable[[str], Path]
Variables = Callable[[Environment], dict[str, str]]


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    """The scripts have /opt/ml written into them, as most that people have."""
    if reason := namespaces.why_not():
        pytest.skip(f"no namespaces on this machine: {reason}")


@pytest.mark.parametrize("name", [name for name in FOLDERS if name != OF_V2])
def test_the_readme_is_true(
    name: str, installed: Environment, copied: Copied, variables: Variables
) -> None:
    folder = copied(name)
    for command in commands((folder / "README.md").read_text()):
        try_out(command, folder, variables(installed))


def test_what_needs_no_sdk_runs_without(
    core: Environment, copied: Copied, variables: Variables
) -> None:
    folder = copied("processors")
    found = [
        one
        for one in commands((folder / "README.md").read_text())
        if one.heading == "Without any SDK"
    ]
    assert {"streamed", "own-image"} <= {word for one in found for word in one.text.split()}
    own = Command("", "python -m pytest -q tests/test_without_sdk.py", "…passed…\n")
    absent = Command("", "! python -c 'import sagemaker' 2> /dev/null", "")
    for command in (absent, *found, own):
        try_out(command, folder, variables(core))


def test_a_repository_of_sdk_v2_runs_as_it_is(
    make_environment: Callable[..., Environment],
    wheel: Path,
    copied: Copied,
    variables: Variables,
) -> None:
    environment = make_environment("v2")
    try:
        environment.install("sagemaker<3")
    except AssertionError as error:
        pytest.skip(f"SDK v2 can't be installed here: {error}")
    environment.install(str(wheel))
    folder = copied(OF_V2)
    version = Command(
        "",
        "python -c 'from importlib.metadata import version; print(version(\"sagemaker\"))'",
        "2.…\n",
    )
    for command in (version, *commands((folder / "README.md").read_text())):
        try_out(command, folder, variables(environment))


def test_the_table_names_every_example() -> None:
    table = (EXAMPLES / "README.md").read_text()
    assert re.findall(r"^\| \[(\w+)\]\((\w+)\) \|", table, re.M) == [
        (name, name) for name in ("processors", "pca", "framework", "spark", "sdk_v2")
    ]
    assert sorted(FOLDERS) == ["framework", "pca", "processors", "sdk_v2", "spark"]


@pytest.mark.parametrize(
    "path", [Path("README.md"), *(Path(name, "README.md") for name in FOLDERS)]
)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (EXAMPLES / path).read_text())
    assert links
    assert [link for link in links if not (EXAMPLES / path.parent / link).exists()] == []


def test_what_a_readme_shows_of_a_file_is_in_it() -> None:
    text = (EXAMPLES / OF_V2 / "README.md").read_text()
    (function,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (table,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    code = (EXAMPLES / OF_V2 / "toolkit.py").read_text()
    assert function in re.sub(r'\n    """.*?"""', "", code)
    assert table in (EXAMPLES / OF_V2 / "pyproject.toml").read_text()


def test_examples_are_committed_without_what_they_make() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "."], cwd=EXAMPLES, capture_output=True, text=True, check=True
    ).stdout.split()
    made = [path for path in listed if path.endswith((".jar", ".parquet")) or "local-store" in path]
    assert made == []
