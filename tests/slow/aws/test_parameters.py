"""Parameters are checked before they cost money: by upsert and schedule alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tables
from command_result import Result, Run
from conftest import Checkout
from wire import Wire

from sagepipe.building.scripts import by_scripts

TABLE = """
[pipelines.tables.parameters]
{}

[pipelines.tables.schedule]
expression = "rate(1 day)"

[pipelines.tables.schedule.parameters]
{}
"""

COMMAS = "step 'Clean': clean.py refuses its arguments: --columns is empty between two commas"
COUNT = "InstanceCount: is 0 (parameter FitInstanceCount); make it 1 to 100"

wrong = pytest.mark.parametrize(
    ("given", "said"), [("Columns=a,,b", COMMAS), ("FitInstanceCount=0", COUNT)]
)


@pytest.fixture(autouse=True)
def asked(checkout: Checkout) -> None:
    checkout.project = tables.project(ask=by_scripts)


def refused(result: Result, wire: Wire, said: str) -> None:
    assert result.code == 1
    assert said in result.err
    assert len(result.err.splitlines()) == 1
    assert wire.mutations == []


def toml(given: str) -> str:
    name, _, value = given.partition("=")
    return f"{name} = {value if value.isdigit() else repr(value)}"


@wrong
def test_upsert_refuses_a_default(upsert: Run, wire: Wire, given: str, said: str) -> None:
    Path("pipeline.toml").write_text(TABLE.format(toml(given), ""))
    refused(upsert(), wire, said)


@wrong
def test_upsert_refuses_what_its_schedule_gives(
    upsert: Run, wire: Wire, given: str, said: str
) -> None:
    Path("pipeline.toml").write_text(TABLE.format("", toml(given)))
    refused(upsert(), wire, said)


@wrong
def test_schedule_set_refuses_it(
    upsert: Run, cli: Callable[..., Result], wire: Wire, given: str, said: str
) -> None:
    assert upsert().code == 0
    wire.clear()
    refused(cli("schedule", "set", "rate(1 day)", "-p", given), wire, said)
    assert cli("schedule", "set", "rate(1 day)", "-p", "Columns=a,b").code == 0


@wrong
def test_start_refuses_it(
    upsert: Run, cli: Callable[..., Result], wire: Wire, given: str, said: str
) -> None:
    assert upsert().code == 0
    wire.clear()
    refused(cli("start", "-p", given), wire, said)


@wrong
def test_run_refuses_it(cli: Callable[..., Result], wire: Wire, given: str, said: str) -> None:
    result = cli("run", "-p", given, "--quiet")
    refused(result, wire, said)
    assert wire.calls == []
    assert list(Path().rglob("execution.json")) == []


def test_a_script_that_was_changed_since_is_not_asked(
    upsert: Run,
    cli: Callable[..., Result],
    checkout: Checkout,
    tmp_path: Path,
) -> None:
    assert upsert().code == 0
    code = tmp_path / "code"
    code.mkdir()
    for script in tables.CODE.glob("*.py"):
        (code / script.name).write_text(script.read_text() + "# changed\n")
    checkout.project = tables.project(code, ask=by_scripts)
    result = cli("schedule", "set", "rate(1 day)", "-p", "Columns=a,,b")
    assert result.code == 0
    assert "note: step 'Clean' is deployed with another clean.py than" in result.err


def test_without_a_project_the_service_s_rules_still_hold(
    upsert: Run, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    from sagepipe.cli.frame import run_verb

    assert upsert().code == 0
    wire.clear()
    words = ["set", "rate(1 day)", "--pipeline-name", "tables", "-p", "FitInstanceCount=0"]
    capsys.readouterr()
    assert run_verb("schedule", words, prefix="sagepipe") == 1
    assert COUNT in capsys.readouterr().err
    assert wire.mutations == []
