"""Which inputs of a cached step may change under their URI."""

from __future__ import annotations

from typing import Any

import pytest

from sagepipe.language.validate import warnings

HASH = "9a1d6be14d32933585cb6071ddee7dc78fb183e5f655bfb95c076d73d8834963"


def definition(uri: Any, *, enabled: bool = True) -> dict[str, Any]:
    """A cached step B that reads `uri`, after a step A."""

    def step(name: str, source: Any) -> dict[str, Any]:
        return {
            "Name": name,
            "Type": "Processing",
            "Arguments": {"ProcessingInputs": [{"InputName": "raw", "S3Input": {"S3Uri": source}}]},
        }

    cached = step("B", uri) | {"CacheConfig": {"Enabled": enabled, "ExpireAfter": "P1D"}}
    return {
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "Prefix", "Type": "String", "DefaultValue": "raw"},
            {"Name": "Hash", "Type": "String", "DefaultValue": HASH},
        ],
        "Steps": [step("A", "s3://b/raw"), cached],
    }


def join(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


@pytest.mark.parametrize(
    "uri",
    [
        f"s3://b/code/{HASH}/x.py",
        f"s3://b/code/x-{HASH}.zip",
        {"Get": "Steps.A.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"},
        join("s3://b", {"Get": "Execution.PipelineExecutionId"}, "x"),
        join("s3://b", {"Get": "Parameters.Hash"}, "x"),
    ],
)
def test_what_never_changes_may_be_cached(uri: Any) -> None:
    assert warnings(definition(uri)) == []


@pytest.mark.parametrize(
    "uri",
    [
        "s3://b/raw/",
        "s3://b/deadbeef/x.py",  # too short for the hash of a content
        {"Get": "Parameters.Prefix"},
        join("s3://b", {"Get": "Parameters.Prefix"}),
        join("s3://b", {"Get": "Execution.StartDateTime"}),
    ],
)
def test_what_may_change_is_told(uri: Any) -> None:
    (told,) = warnings(definition(uri))
    assert (told.step, told.field) == ("B", "Arguments.ProcessingInputs[0].S3Input.S3Uri")
    assert "Pipeline(immutable=('B.raw',))" in told.message


def test_only_cached_steps_are_looked_at_and_an_author_can_say_otherwise() -> None:
    assert warnings(definition("s3://b/raw/", enabled=False)) == []
    assert warnings(definition("s3://b/raw/"), immutable=["B.raw"]) == []
    assert len(warnings(definition("s3://b/raw/"), immutable=["A.raw"])) == 1
