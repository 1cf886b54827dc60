"""What a builder may return: a dict, JSON, or an object with `definition()`, of whatever SDK."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sagepipe import Build, Pipeline
from sagepipe.building.build import Builder
from sagepipe.errors import DefinitionError
from sagepipe.settings.facts import Settings

DOCUMENT = {"Version": "2020-12-01", "Parameters": [], "Steps": [{"Name": "A", "Type": "Fail"}]}


@dataclass
class OfSomeSdk:
    """All that the toolkit wants of an SDK's pipeline."""

    text: str

    def definition(self) -> str:
        return self.text


def built(builder: Builder) -> dict[str, Any]:
    pipeline = Pipeline("tables", "Tables", build=builder, code=Path("code"))
    return pipeline.built(Settings.local("tables")).document


def test_an_object_a_dict_and_json_are_the_same() -> None:
    text = json.dumps({**DOCUMENT, "PipelineExperimentConfig": None})  # as the SDK says "none"
    assert built(lambda given: OfSomeSdk(text)) == DOCUMENT
    assert built(lambda given: text) == DOCUMENT
    assert built(lambda given: dict(DOCUMENT)) == DOCUMENT


def test_it_is_asked_with_the_settings_of_where_it_goes() -> None:
    def builder(given: Build) -> OfSomeSdk:
        return OfSomeSdk(json.dumps({**DOCUMENT, "Metadata": {"Role": given.settings.role_arn}}))

    assert built(builder)["Metadata"] == {"Role": Settings.local("tables").role_arn}


def test_what_it_prints_is_not_among_what_the_command_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Talkative(OfSomeSdk):
        def definition(self) -> str:
            print("sagemaker.config INFO - Not applying SDK defaults")
            return self.text

    def builder(given: Build) -> OfSomeSdk:
        print("hello")
        return Talkative(json.dumps(DOCUMENT))

    built(builder)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["hello", "sagemaker.config INFO - Not applying SDK defaults"]


@pytest.mark.parametrize(
    ("text", "why"), [("{", "is not JSON"), ("[]", "is no JSON object")], ids=["cut off", "a list"]
)
def test_what_is_no_definition_is_refused(text: str, why: str) -> None:
    with pytest.raises(DefinitionError, match=f"what the builder returned {why}"):
        built(lambda given: OfSomeSdk(text))
