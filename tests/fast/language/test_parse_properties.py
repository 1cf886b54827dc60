"""Whatever validation accepts, the engine can read and evaluate; what it can't, is refused."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from definitions import FOREIGN, VALID
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import hold, mutated

from sagepipe.language.validate import validate

BOTH = {"VALID": VALID, "FOREIGN": FOREIGN}


@pytest.mark.parametrize("document", BOTH.values(), ids=BOTH)
def test_a_valid_definition_holds(document: dict[str, Any]) -> None:
    assert hold(document, document) == "accepted"


@settings(max_examples=120, deadline=None)
@given(st.sampled_from([*BOTH]), st.integers(0, 2**32))
def test_it_holds_wherever_a_definition_is_wrong(which: str, seed: int) -> None:
    hold(mutated(BOTH[which], Random(seed)), BOTH[which])


# --- by construction ------------------------------------------------------------------------

OUTPUT = "ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"
PARAMETERS = (
    {"Name": "Text", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
    {"Name": "Empty", "Type": "String", "DefaultValue": ""},
    {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
    {"Name": "Share", "Type": "Float", "DefaultValue": 1},
    {"Name": "Flag", "Type": "Boolean", "DefaultValue": False},
    {"Name": "Given", "Type": "String"},
)
_TEXTS = st.sampled_from(
    [
        "x",
        {"Get": "Parameters.Text"},
        {"Get": "Parameters.Empty"},
        {"Get": "Parameters.Given"},
        {"Get": "Execution.PipelineExecutionId"},
        {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Share"}, 1, False, "x"]}},
        {
            "Std:Join": {
                "On": "/",
                "Values": [{"Get": f"Parameters.{n}"} for n in ("Flag", "Empty")],
            }
        },
    ]
)
_POLICIES = st.fixed_dictionaries(
    {
        "ExceptionType": st.just("Step.THROTTLING")
        | st.lists(st.sampled_from(["SageMaker.CAPACITY_ERROR", "Step.THROTTLING"]), min_size=1)
    },
    optional={
        "IntervalSeconds": st.integers(0, 43_200),
        "BackoffRate": st.floats(0, 1e9) | st.integers(0, 9),
        "MaxAttempts": st.integers(0, 20),
    },
)
_CACHES = st.sampled_from([{"Enabled": True, "ExpireAfter": "30dT5h"}, {"Enabled": False}])


@st.composite
def _processing(draw: st.DrawFn, name: str, before: list[str]) -> dict[str, Any]:
    inputs = (
        [
            {
                "InputName": f"from-{source}",
                "S3Input": {
                    "S3Uri": {"Get": f"Steps.{source}.{OUTPUT}"},
                    "LocalPath": f"/opt/ml/processing/{source}",
                    "S3DataType": draw(st.sampled_from(["S3Prefix", "ManifestFile"])),
                    "S3InputMode": draw(st.sampled_from(["File", "Pipe"])),
                },
            }
            for source in draw(st.lists(st.sampled_from(before), unique=True, max_size=2))
        ]
        if before
        else []
    )
    output = {
        "S3Uri": {"Std:Join": {"On": "/", "Values": ["s3://b", draw(_TEXTS), name]}},
        "LocalPath": "/opt/ml/processing/out",
        "S3UploadMode": draw(st.sampled_from(["EndOfJob", "Continuous"])),
    }
    arguments = {
        "AppSpecification": {
            "ImageUri": "i",
            "ContainerArguments": draw(st.lists(_TEXTS, min_size=1, max_size=3)),
        },
        "Environment": draw(st.dictionaries(st.sampled_from(["A", "B_1"]), _TEXTS)),
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": draw(st.sampled_from([1, {"Get": "Parameters.Count"}])),
                "VolumeSizeInGB": 30,
            }
        },
    }
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": arguments,
        "CacheConfig": draw(_CACHES),
        "RetryPolicies": draw(st.lists(_POLICIES, max_size=2)),
        "PropertyFiles": [{"PropertyFileName": "F", "OutputName": "out", "FilePath": "f.json"}],
    }


@st.composite
def _condition(draw: st.DrawFn, name: str, before: list[str], depth: int) -> dict[str, Any]:
    figure = {"Get": "Parameters.Share"}
    if before:
        file = {"Get": f"Steps.{draw(st.sampled_from(before))}.PropertyFiles.F"}
        figure = {"Std:JsonGet": {"PropertyFile": file, "Path": "share"}}
    compared = {"Type": "LessThan", "LeftValue": figure, "RightValue": 0.7}
    member = {"Type": "In", "QueryValue": {"Get": "Parameters.Text"}, "Values": ["a", "x"]}
    listed = draw(st.lists(st.sampled_from([compared, {"Type": "Not", "Condition": member}])))
    branches = {
        branch: draw(_steps(f"{name}-{branch}", before, depth - 1))
        for branch in draw(st.lists(st.sampled_from(["IfSteps", "ElseSteps"]), unique=True))
    }
    conditions = [*listed, {"Type": "Or", "Conditions": listed}]
    return {"Name": name, "Type": "Condition", "Arguments": {"Conditions": conditions, **branches}}


@st.composite
def _steps(draw: st.DrawFn, name: str, before: list[str], depth: int) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    done = list(before)
    for number in range(draw(st.integers(0 if depth < 2 else 1, 3))):
        called = f"{name}-{number}"
        kind = draw(st.sampled_from(["Processing", "Condition", "Fail"]))
        if kind == "Condition" and depth:
            steps.append(draw(_condition(called, done, depth)))
        elif kind == "Fail":
            arguments = draw(st.sampled_from([{}, {"ErrorMessage": {"Get": "Parameters.Text"}}]))
            steps.append({"Name": called, "Type": "Fail", "Arguments": arguments})
        else:
            steps.append(draw(_processing(called, done)))
            steps[-1]["DependsOn"] = [
                draw(st.sampled_from([one, {"Step": one}]))
                for one in (draw(st.lists(st.sampled_from(done), unique=True)) if done else ())
            ]
            done.append(called)
    return steps


@settings(max_examples=40, deadline=None)
@given(_steps("S", [], 2))
def test_what_is_built_by_the_language_s_rules_is_accepted(steps: list[dict[str, Any]]) -> None:
    document = {"Version": "2020-12-01", "Parameters": [*PARAMETERS], "Steps": steps}
    assert hold(document, document) == "accepted", validate(document)
