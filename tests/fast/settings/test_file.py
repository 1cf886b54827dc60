"""pipeline.toml: what is common, what is one pipeline's, what is one environment's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sagepipe.errors import SettingsError
from sagepipe.settings import file
from sagepipe.settings.options import ALL

OPTIONS = {option.name: option for option in ALL}

FULL = """\
region = "eu-west-1"
alias = "live"
[tags]
team = "data"

[pipelines.clean]
alias = "clean-live"
[pipelines.clean.parameters]
Count = 4
Name = "x"
[pipelines.clean.schedule]
expression = "rate(1 day)"

[pipelines.other]
region = "us-east-1"

[env.prod]
region = "eu-central-1"
[env.prod.pipelines.clean]
max_parallel_steps = 2
[env.prod.pipelines.clean.parameters]
Count = 20

[env.dev]
role_arn = "of-dev"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(file.VARIABLE, raising=False)
    monkeypatch.delenv(file.ENVIRONMENT_VARIABLE, raising=False)
    return tmp_path


def put(text: str) -> None:
    Path(file.FILE).write_text(text)


def value(found: file.SettingsFile, name: str) -> Any:
    where_and_value = found.find(OPTIONS[name])
    return where_and_value[1] if where_and_value else None


def test_a_pipeline_has_its_own_on_top_of_the_common() -> None:
    put(FULL)
    clean, other = file.read(None, "clean", None), file.read(None, "other", None)
    assert (value(clean, "region"), value(clean, "alias")) == ("eu-west-1", "clean-live")
    assert (value(other, "region"), value(other, "alias")) == ("us-east-1", "live")
    assert clean.parameters == {"Count": 4, "Name": "x"}
    assert clean.schedule == {"expression": "rate(1 day)"}
    assert (other.parameters, other.schedule) == ({}, None)
    assert value(clean, "tags") == (("team", "data"),)


def test_an_environment_is_on_top_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    put(FULL)
    prod = file.read(None, "clean", "prod")
    assert value(prod, "region") == "eu-central-1"
    assert value(prod, "alias") == "clean-live"
    assert value(prod, "max_parallel_steps") == 2
    assert prod.parameters == {"Count": 20, "Name": "x"}
    assert prod.schedule == {"expression": "rate(1 day)"}
    assert prod.find(OPTIONS["region"]) == ("pipeline.toml [env.prod]", "eu-central-1")
    monkeypatch.setenv(file.ENVIRONMENT_VARIABLE, "prod")
    assert file.read(None, "clean", None) == prod
    # what an environment says of all pipelines is stronger than what is said of one without it
    assert value(file.read(None, "other", "prod"), "region") == "eu-central-1"


def test_without_a_project_only_the_common_holds() -> None:
    put(FULL)
    found = file.read(None, None, None)
    assert (value(found, "alias"), found.schedule) == ("live", None)


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        (FULL, "prd", r"--env prd: pipeline.toml has no \[env.prd\]; do you mean prod\?"),
        ("", "prod", r"--env prod: pipeline.toml has no \[env.prod\]; it has none"),
        ("[pipelines.clean]\nrol_arn = 1", None, r"\[pipelines.clean\]: .* do you mean role_arn\?"),
        ("schedule = 1", None, r"schedule belongs to one pipeline: .*\[pipelines.NAME.schedule\]"),
        ("[parameters]\nA = 1", None, "parameters belongs to one pipeline"),
        ("pipelines = 1", None, r"pipelines must be a table"),
        (
            "[pipelines]\nclean = 1",
            None,
            "must be a table",
        ),
        ("[pipelines.clean]\nschedule = 1", None, "schedule must be a table"),
        ("[pipelines.clean.parameters]\nA = [1]", None, r"parameter A is \[1\]; it must be"),
        ("[env]\nprod = 1", None, "env.prod must be a table"),
        ("[env.prod]\nx = 1", "prod", r"\[env.prod\]: no setting is called x"),
    ],
)
def test_what_is_wrong_is_named_with_where_it_stands(
    text: str, environment: str | None, message: str
) -> None:
    put(text)
    with pytest.raises(SettingsError, match=message):
        file.read(None, "clean", environment)


def test_an_environment_needs_a_file() -> None:
    with pytest.raises(SettingsError, match=r"--env prod: there is no pipeline\.toml here"):
        file.read(None, "clean", "prod")
