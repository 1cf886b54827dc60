"""README and docs/ say what is so."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import PROJECT
from sagepipe import Parameter
from sagepipe.building.parameters import resolve
from sagepipe.cli import frame, verbs
from sagepipe.cli.frame import Call
from sagepipe.settings.facts import Settings

ROOT = Path(__file__).resolve().parents[3]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
README = PAGES[0].read_text(encoding="utf-8")
PARAMETERS = resolve(PROJECT["ecg-pca"].parameters, Settings.local("ecg-pca"))
# What docs about the toolkit call a project's steps and parameters, which aren't this project's.
ANYBODYS = {"NAME", "Components", "Rows"}


def row(parameter: Parameter) -> str:
    return f"| `{parameter.name}` | `{parameter.default}` | {parameter.description} |"


def test_the_table_of_parameters_is_the_definitions() -> None:
    page = (ROOT / "docs/ecg-pca.md").read_text(encoding="utf-8")
    table = page.split("## Parameters")[1].split("##")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert rows == [row(parameter) for parameter in PARAMETERS]


def test_the_readme_has_two_commands_to_start_with() -> None:
    assert len(re.findall(r"^pip install", README, re.MULTILINE)) == 2


def written(page: Path) -> Iterator[str]:
    """The commands of this project and of the toolkit in a page's blocks and in its text."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            for part in line.split("#")[0].split("&&"):
                if re.match(r"\s*(python -m pipelines\.|sagepipe )", part):
                    yield part.strip()
    yield from re.findall(r"`((?:python -m pipelines\.|sagepipe )[^`]*)`", text)


COMMANDS = [
    pytest.param(command, id=f"{page.name}: {command}")
    for page in PAGES
    for command in dict.fromkeys(written(page))
    if not re.search(r"VERB|<|…", command)
]


def test_commands_are_found() -> None:
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_typed(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its verb exists, and its words and options are taken by that verb."""
    words = shlex.split(re.sub(r"^python -m pipelines\.|^sagepipe ", "", command))
    verb = words.pop(0).replace("_", "-")
    assert verb in verbs.VERBS
    words = words[: words.index(">")] if ">" in words else words
    parser = frame.parser(verbs.load(verb), Call(verb, "sagepipe", lambda: PROJECT))
    if words and words != ["--help"]:
        try:
            parser.parse_args(words)
        except SystemExit:
            pytest.fail(capsys.readouterr().err)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_parameter_a_page_uses_exists(page: Path) -> None:
    used = set(re.findall(r"-p (\w+)=", page.read_text(encoding="utf-8")))
    known = {parameter.name for pipeline in PROJECT for parameter in pipeline.parameters}
    assert used <= known | ANYBODYS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_a_page_links_to_exists(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link
