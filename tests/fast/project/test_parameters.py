from __future__ import annotations

import re

import pytest

from pipelines import PROJECT
from sagepipe import Parameter
from sagepipe.building.parameters import resolve
from sagepipe.settings.facts import Settings

PARAMETERS = [
    one
    for pipeline in PROJECT
    for one in resolve(pipeline.parameters, Settings.local(pipeline.name))
]

_TYPES: dict[str, type] = {"String": str, "Integer": int, "Float": float, "Boolean": bool}


def test_names_are_unique_and_fit_every_service_that_passes_them() -> None:
    for pipeline in PROJECT:
        names = [parameter.name for parameter in pipeline.parameters]
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
    assert found == {"InputBucket": "local-artifacts", "OutputBucket": "local-artifacts"}
