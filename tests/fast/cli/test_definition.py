"""The verb `definition`, on the fixture project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tables

from sagepipe import Build
from sagepipe.cli.frame import run_verb
from sagepipe.settings.facts import Settings


def call(*options: str, project: Any = tables.PROJECT) -> int:
    return run_verb("definition", list(options), prefix="sagepipe", project=project)


def test_it_prints_what_deploys(capsys: pytest.CaptureFixture[str]) -> None:
    text = tables.PROJECT["tables"].built(Settings.local("tables")).definition
    assert call() == 0
    assert capsys.readouterr().out == text + "\n"
    assert call("tables", "--indent") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(text)


def test_options_are_settings(capsys: pytest.CaptureFixture[str]) -> None:
    role = "arn:aws:iam::123456789012:role/mine"
    assert call("--role-arn", role, "--artifact-bucket", "bbb", "--artifact-prefix", "p/q") == 0
    out = capsys.readouterr().out
    assert role in out
    assert "s3://bbb/p/q/code/" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--region", "Ireland"], "region is 'Ireland'; it must be something like eu-west-1"),
        (["--role-arn", "mine"], "role_arn is 'mine'; it must be an ARN like"),
        (["table"], "the project has no pipeline 'table'; did you mean tables?"),
    ],
)
def test_a_bad_option_is_one_line(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*options) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_a_missing_script_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert call(project=tables.project(tmp_path)) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}/clean.py is missing")


def test_an_invalid_definition_is_a_line_for_each_problem(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def wrong(given: Build) -> Any:
        members = tables.build(given)
        members["Version"] = "1"
        members["Steps"][0]["Name"] = "Pre process"
        return members

    assert call(project=tables.project(build=wrong)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert "error: pipeline, Version: is 1; the only version is '2020-12-01'" in lines
    assert any(line.startswith("error: step 'Pre process', Name: use 1 to 64") for line in lines)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("{", "what the builder returned is not JSON"),
        ("[]", "what the builder returned is no JSON object"),
    ],
)
def test_a_builder_that_returns_no_definition_is_told(
    made: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(project=tables.project(build=lambda _: made)) == 1
    assert message in capsys.readouterr().err
