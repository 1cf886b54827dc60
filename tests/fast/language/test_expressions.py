"""Expressions and conditions of the definition language."""

import json
from typing import Any

import pytest

from sagepipe.errors import ExpressionError
from sagepipe.language.expressions import Scope, evaluate, holds

JOB = {
    "ProcessingOutputConfig": {
        "Outputs": [
            {"OutputName": "train", "S3Output": {"S3Uri": "s3://b/train"}},
            {"OutputName": "te st", "S3Output": {"S3Uri": "s3://b/test"}},
        ]
    },
    "ProcessingInputs": [{"InputName": "in", "S3Input": {"S3Uri": "s3://b/in"}}],
    "ExitMessage": "fine",
}
METRICS = {"share": 0.25, "deep": {"list": [1, {"a b": "x"}]}, "dot.ted": 3}


@pytest.fixture
def scope() -> Scope:
    def property_file(step: str, name: str) -> str:
        assert (step, name) == ("P", "M")
        return json.dumps(METRICS)

    return Scope(
        parameters={"Count": 8, "Name": "x", "Share": 0.5, "On": True},
        execution={"PipelineExecutionId": "abc"},
        property_file=property_file,
        read=lambda uri: json.dumps({"uri": uri}),
        steps={"P": JOB, "C": {"Outcome": True}},
    )


def get(target: str) -> dict[str, str]:
    return {"Get": target}


def json_get(path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": get("Steps.P.PropertyFiles.M"), "Path": path}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (get("Parameters.Count"), 8),
        (get("Execution.PipelineExecutionId"), "abc"),
        (get("Steps.P.ExitMessage"), "fine"),
        (get("Steps.C.Outcome"), True),
        (get("Steps.P.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"), "s3://b/train"),
        (get("Steps.P.ProcessingOutputConfig.Outputs['te st'].S3Output.S3Uri"), "s3://b/test"),
        (get("Steps.P.ProcessingOutputConfig.Outputs[1].OutputName"), "te st"),
        (get("Steps.P.ProcessingInputs['in'].S3Input.S3Uri"), "s3://b/in"),
        ({"Std:Join": {"On": "/", "Values": ["s3:/", get("Parameters.Name"), 3]}}, "s3://x/3"),
        (
            {"Std:Join": {"On": "", "Values": [get("Parameters.Share"), get("Parameters.On")]}},
            "0.5true",
        ),
        (
            {
                "Std:Join": {
                    "On": "-",
                    "Values": [{"Std:Join": {"On": "", "Values": ["a", "b"]}}, "c"],
                }
            },
            "ab-c",
        ),
        (json_get("share"), 0.25),
        (json_get("deep.list[0]"), 1),
        (json_get("deep.list[1]['a b']"), "x"),
        (json_get("$.share"), 0.25),
        (json_get("['dot.ted']"), 3),
        (
            {
                "Std:JsonGet": {
                    "S3Uri": {"Std:Join": {"On": "/", "Values": ["s3://b", "k"]}},
                    "Path": "uri",
                }
            },
            "s3://b/k",
        ),
        ({"a": [get("Parameters.Count"), {"b": get("Parameters.Name")}]}, {"a": [8, {"b": "x"}]}),
        ({"Get": "Parameters.Count", "more": 1}, {"Get": "Parameters.Count", "more": 1}),
    ],
)
def test_evaluate(scope: Scope, expression: Any, value: Any) -> None:
    assert evaluate(expression, scope) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (get("Parameters.Missing"), "'Parameters.Missing' refers to nothing"),
        (get("Execution.Missing"), "refers to nothing"),
        (get("Steps.Q.ExitMessage"), "step 'Q' has not run"),
        (get("Steps.P.Nothing"), "nothing at 'Nothing'; there is ProcessingOutputConfig"),
        (get("Steps.P.ProcessingOutputConfig.Outputs['x'].S3Output"), r"nothing at \"\['x'\]\""),
        (get("Steps.P.ProcessingOutputConfig.Outputs[7]"), "nothing at"),
        (json_get("nope"), "nothing at 'nope'; there is share, deep, dot.ted"),
        (json_get("share??"), r"'\?\?' is not a path"),
        ({"Std:Join": {"On": "", "Values": [[1]]}}, "takes plain values"),
        (
            {"Std:JsonGet": {"PropertyFile": get("Steps.P.Other"), "Path": "x"}},
            "is not a property file",
        ),
    ],
)
def test_what_refers_to_nothing_is_an_error(scope: Scope, expression: Any, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        evaluate(expression, scope)


@pytest.mark.parametrize("content", [b"<html>", b"\xff", b"[" * 100_000])
def test_a_property_file_that_is_not_json(scope: Scope, content: bytes) -> None:
    scope.property_file = lambda step, name: content.decode()
    with pytest.raises(ExpressionError, match="is not JSON"):
        evaluate(json_get("share"), scope)


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        (compare("Equals", get("Parameters.Name"), "x"), True),
        (compare("Equals", get("Parameters.Count"), 8.0), True),
        (compare("GreaterThan", json_get("share"), get("Parameters.Share")), False),
        (compare("GreaterThanOrEqualTo", get("Parameters.Share"), 0.5), True),
        (compare("LessThan", json_get("share"), 0.25), False),
        (compare("LessThanOrEqualTo", json_get("share"), 0.25), True),
        ({"Type": "In", "QueryValue": get("Parameters.Name"), "Values": ["y", "x"]}, True),
        ({"Type": "Not", "Condition": compare("Equals", 1, 1)}, False),
        ({"Type": "Or", "Conditions": [compare("Equals", 1, 2), compare("Equals", 1, 1)]}, True),
    ],
)
def test_conditions(scope: Scope, condition: dict[str, Any], met: bool) -> None:
    assert holds(condition, scope) is met


def test_values_that_cannot_be_compared(scope: Scope) -> None:
    with pytest.raises(ExpressionError, match="cannot compare 'x' with 1"):
        holds(compare("LessThan", "x", 1), scope)


def test_an_unknown_condition(scope: Scope) -> None:
    with pytest.raises(ExpressionError, match="'Like' is not a condition type"):
        holds({"Type": "Like"}, scope)
