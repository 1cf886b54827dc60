"""The frame of all commands, with verbs that are made up for the test."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
import tables

from sagepipe.cli import frame, verbs
from sagepipe.cli.frame import INTERRUPTED, Call, Command
from sagepipe.errors import SettingsError

ROOT = Path(__file__).resolve().parents[3]
Act = Callable[[argparse.Namespace, Call], int]
Put = Callable[[Act], None]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts a function in the place of what every verb does."""

    def put(act: Act) -> None:
        command = Command(
            "examples:\n  sagepipe run\n", lambda _: None, act, "stopped: sagepipe run"
        )
        monkeypatch.setattr(verbs, "load", lambda _: command)

    return put


def test_the_exit_code_is_the_verbs_own(put: Put) -> None:
    put(lambda *_: 3)
    assert frame.run_verb("run", [], project=tables.PROJECT) == 3


def test_an_expected_error_is_a_line_each(put: Put, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> int:
        raise SettingsError("one: see sagepipe versions list\ntwo \x1b[31mred")

    put(fail)
    assert frame.run_verb("run", [], prefix="python -m pipelines", project=tables.PROJECT) == 1
    assert capsys.readouterr().err == (
        "error: one: see python -m pipelines.versions list\nerror: two \\x1b[31mred\n"
    )


def test_ctrl_c_is_answered_in_the_callers_words(
    put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    put(interrupt)
    assert frame.run_verb("spark-ui", [], project=tables.PROJECT) == INTERRUPTED == 130
    assert capsys.readouterr().err == "stopped: python -m pipelines.run\n"


def test_our_own_bugs_keep_their_traceback(put: Put) -> None:
    def fail(*_: object) -> int:
        raise ZeroDivisionError

    put(fail)
    with pytest.raises(ZeroDivisionError):
        frame.run_verb("run", [], project=tables.PROJECT)


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("sagepipe", "see sagepipe spark-ui"),
        ("python -m sagepipe", "see python -m sagepipe spark-ui"),
        ("python -m pipelines", "see python -m pipelines.spark_ui"),
    ],
)
def test_commands_are_spelled_as_the_user_spells_them(prefix: str, words: str) -> None:
    call = Call("run", prefix, lambda: tables.PROJECT)
    assert call.words("see sagepipe spark-ui") == words
    assert call.words("sagepipe is a toolkit") == "sagepipe is a toolkit"


def test_a_verb_with_a_typing_error_is_answered_with_the_close_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert frame.main(["upsrt"]) == 2
    assert capsys.readouterr().err == "sagepipe: there is no verb 'upsrt'; did you mean upsert?\n"
    assert frame.main(["xyz"]) == 2
    assert "there are run, " in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_without_a_verb_the_verbs_are_shown(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert frame.main(words) == 0
    out = capsys.readouterr().out
    assert all(f"  {verb} " in out for verb in verbs.VERBS)
    assert max(map(len, out.splitlines())) <= 100


def test_project_takes_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main(["--project"]) == 2
    assert capsys.readouterr().err == "sagepipe: --project takes MODULE:NAME\n"


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_every_verb_has_help_with_examples_and_exit_codes(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        frame.run_verb(verb, ["--help"], project=tables.PROJECT)
    assert left.value.code == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert "xit code" in out
    assert "sagepipe " not in out


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_the_project_has_a_module_for_every_verb(verb: str) -> None:
    text = (ROOT / "pipelines" / f"{verbs.module_name(verb)}.py").read_text()
    assert f'run_verb("{verb}", project=PROJECT)' in text
