from __future__ import annotations

import re
from typing import Any

import pytest

from pipelines.parameters import Parameter, declare

PARAMETERS = declare("some-bucket")

_TYPES: dict[str, type] = {"String": str, "Integer": int, "Float": float, "Boolean": bool}


def test_names_are_unique_and_fit_every_service_that_passes_them() -> None:
    names = [parameter.name for parameter in PARAMETERS]
    assert len(set(names)) == len(names)
    for name in names:
        # EventBridge rules have the narrowest pattern: no underscore
        assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", name), name


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: str(parameter.name))
def test_each_has_a_default_of_its_type_and_a_line_that_says_what_it_is(
    parameter: Parameter,
) -> None:
    assert type(parameter.default) is _TYPES[parameter.type]
    assert parameter.default != ""
    assert not parameter.choices or parameter.default in parameter.choices
    assert 10 < len(parameter.description) < 100
    assert "\n" not in parameter.description
    assert not parameter.description.endswith(".")


def test_the_buckets_default_to_the_artifact_bucket() -> None:
    found = {p.name: p.default for p in PARAMETERS if p.name.endswith("Bucket")}
    assert found == {"InputBucket": "some-bucket", "OutputBucket": "some-bucket"}


def test_the_definition_declares_exactly_these(members: dict[str, Any]) -> None:
    declared = [
        Parameter(
            parameter["Name"],
            parameter["Type"],
            parameter["DefaultValue"],
            "",
            tuple(parameter.get("EnumValues", ())),
        )
        for parameter in members["Parameters"]
    ]
    expected = [
        Parameter(p.name, p.type, p.default, "", p.choices) for p in declare("local-artifacts")
    ]
    assert declared == expected
