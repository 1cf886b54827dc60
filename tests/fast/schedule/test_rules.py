"""A trigger as data: the rule and the target that it makes, which objects fit, what is refused."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as some
from moto.events.models import EventPattern

from sagepipe.errors import ParameterError, ScheduleError
from sagepipe.schedule import rules, starting
from sagepipe.schedule.rules import Trigger

PIPELINE = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/tables"
ROLE = "arn:aws:iam::123456789012:role/events"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:dead-letters"
MODEL = ServiceModel(Loader().load_service_model("events", "service-2"), "events")

PLAIN = Trigger(name="tables", uri="s3://data/raw", pipeline_arn=PIPELINE, role_arn=ROLE)
FULL = Trigger(
    name="full",
    uri="s3://data/raw/new",
    pipeline_arn=PIPELINE,
    role_arn=ROLE,
    marker=None,
    suffix=".csv",
    parameters=(("InputPrefix", "raw/new"), ("Key", "$.detail.object.key")),
    dead_letter_queue=QUEUE,
    max_age_seconds=3600,
    max_retries=3,
    enabled=False,
    description="as data arrive",
)
BUCKET = dataclasses.replace(PLAIN, name="bucket", uri="s3://data")
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "InputPrefix", "Type": "String", "DefaultValue": "raw"},
        {"Name": "Rows", "Type": "Integer", "DefaultValue": 1},
        {"Name": "Key", "Type": "String"},
    ],
    "Steps": [],
}


def matches(trigger: Trigger, key: str, bucket: str = "data") -> bool:
    """Whether an object of that key starts it, as moto reads event patterns."""
    event: Any = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key}},
    }
    found: bool = EventPattern.load(trigger.rule()["EventPattern"]).matches_event(event)
    return found


@pytest.mark.parametrize("trigger", [PLAIN, FULL, BUCKET], ids=lambda one: one.name)
def test_requests_fit_the_service_model_and_are_read_back(trigger: Trigger) -> None:
    rule, target = trigger.rule(), trigger.target()
    for operation, request in (
        ("PutRule", rule),
        ("PutTargets", {"Rule": trigger.name, "Targets": [target]}),
    ):
        shape = MODEL.operation_model(operation).input_shape
        assert shape is not None
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()
    assert rules.parse(rule, [target]) == trigger


@pytest.mark.parametrize(
    ("trigger", "key", "starts"),
    [
        (PLAIN, "raw/_READY", True),
        (PLAIN, "raw/2026-11-20/_READY", True),
        (PLAIN, "raw/a/b/_READY", True),
        (PLAIN, "raw/2026-11-20/a.csv", False),
        (PLAIN, "raw/NOT_READY", False),
        (PLAIN, "raw/_READY.csv", False),
        (PLAIN, "raw-old/_READY", False),
        (PLAIN, "runs/_READY", False),
        (BUCKET, "_READY", True),
        (BUCKET, "anything/_READY", True),
        (FULL, "raw/new/a.csv", True),
        (FULL, "raw/new/b/a.csv", True),
        (FULL, "raw/newer/a.csv", False),
        (FULL, "raw/new/a.csv.gz", False),
    ],
)
def test_which_objects_start_it(trigger: Trigger, key: str, starts: bool) -> None:
    assert matches(trigger, key) is starts
    assert not matches(trigger, key, bucket="other")


def test_a_star_in_a_prefix_is_a_star() -> None:
    trigger = dataclasses.replace(PLAIN, uri="s3://data/a*b\\c")
    assert json.loads(trigger.rule()["EventPattern"])["detail"]["object"]["key"] == [
        {"wildcard": r"a\*b\\c/*/_READY"},
        r"a*b\c/_READY",
    ]


KEYS = some.text(some.sampled_from("ab*\\/._-"), min_size=1, max_size=8).filter(
    lambda text: "//" not in text and not text.startswith("/") and not text.endswith("/")
)


@given(prefix=KEYS, marker=KEYS.filter(lambda text: "/" not in text))
def test_any_trigger_with_a_marker_is_read_back(prefix: str, marker: str) -> None:
    trigger = dataclasses.replace(PLAIN, uri=f"s3://data/{prefix}", marker=marker)
    assert rules.parse(trigger.rule(), [trigger.target()]) == trigger


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"uri": "data/raw"}, "must be s3://bucket/prefix"),
        ({"uri": "s3://data/raw/"}, "without a slash at its end"),
        ({"uri": "s3://data//raw"}, "must be s3://bucket/prefix"),
        ({"uri": "s3://D"}, "must be s3://bucket/prefix"),
        ({"marker": "a/_READY"}, "an object's name without a slash"),
        ({"marker": ""}, "an object's name without a slash"),
        ({"suffix": ".csv"}, "a marker or for a suffix, one of the two"),
        ({"marker": None}, "a marker or for a suffix, one of the two"),
        ({"uri": "s3://data", "marker": None, "suffix": ".csv"}, "would start the next"),
        ({"name": "a b"}, "the trigger's name is 'a b'; it must be 1 to 64"),
        ({"role_arn": "events"}, "a role that EventBridge may assume"),
        ({"dead_letter_queue": "q"}, "the ARN of an SQS standard queue"),
        ({"max_retries": 186}, "0 to 185 attempts"),
        ({"description": "d" * 513}, "longer than 512"),
        ({"parameters": (("Max_Rows", "1"),)}, "can't pass parameter 'Max_Rows'"),
        ({"parameters": (("Key", "raw/$.detail.object.key"),)}, "is the whole value"),
        ({"parameters": (("Key", "$.detail['key']"),)}, "is the whole value"),
        ({"parameters": (("Key", ""),)}, "has 0 characters"),
        ({"parameters": (("Key", "k" * 1025),)}, "has 1025 characters"),
        ({"uri": "s3://data/" + "r" * 4100}, "longer than 4096"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        dataclasses.replace(PLAIN, **fields)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_rule_that_waits_for_something_else_is_not_read_as_ours() -> None:
    rule, target = PLAIN.rule(), PLAIN.target()
    pattern = json.loads(rule["EventPattern"])
    deleted = pattern | {"detail-type": ["Object Deleted"]}
    two = {**pattern, "detail": {**pattern["detail"], "bucket": {"name": ["data", "other"]}}}
    for other in (deleted, two, {"source": ["aws.ec2"]}, {}):
        with pytest.raises(ScheduleError, match=r"waits for other events .* --name"):
            rules.parse(rule | {"EventPattern": json.dumps(other)}, [target])
    function = {"Id": "f", "Arn": "arn:aws:lambda:eu-west-1:123456789012:function:f"}
    for targets in ([function], [target, function], [target | {"Id": "other"}]):
        with pytest.raises(ScheduleError, match="was not made by sagepipe trigger"):
            rules.parse(rule, targets)


def test_a_table_declares_it() -> None:
    facts = {"pipeline_name": "tables", "pipeline_arn": PIPELINE, "role_arn": ROLE}
    assert rules.declared({"uri": "s3://data/raw/"}, **facts) == PLAIN
    table = {"uri": "s3://data/raw", "suffix": ".csv", "parameters": {"Rows": 7, "Fast": True}}
    found = rules.declared(table, **facts)
    assert (found.marker, found.suffix) == (None, ".csv")
    assert found.parameters == (("Fast", "true"), ("Rows", "7"))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "has no uri"),
        ({"uri": 1}, "the trigger's uri is 1; it must be a string"),
        ({"url": "s3://data/raw"}, "a trigger has no url; do you mean uri?"),
        ({"uri": "s3://data/raw", "parameters": "a"}, r"\[trigger.parameters\]"),
        ({"uri": "s3://data/raw", "name": "n" * 65}, "too long for a trigger's name"),
    ],
)
def test_a_wrong_table_is_an_error(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ScheduleError, match=words):
        rules.declared(table, pipeline_name="tables", pipeline_arn=PIPELINE, role_arn=ROLE)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ((("Other", "1"), ("Key", "k")), "Other"),
        ((("Other", "$.detail.object.key"), ("Key", "k")), "Other"),
        ((("Rows", "many"), ("Key", "k")), "Rows"),
        ((), "Key"),
    ],
)
def test_parameters_that_no_execution_could_start_with(
    parameters: tuple[tuple[str, str], ...], words: str
) -> None:
    with pytest.raises(ParameterError, match=words):
        rules.check_parameters(dataclasses.replace(PLAIN, parameters=parameters), DEFINITION)


def test_a_path_gives_a_parameter_its_value() -> None:
    given_ = (("Key", "$.detail.object.key"), ("Rows", "$.detail.object.size"))
    rules.check_parameters(dataclasses.replace(PLAIN, parameters=given_), DEFINITION)


def test_deploying_keeps_a_paused_trigger_paused() -> None:
    paused = dataclasses.replace(PLAIN, enabled=False)
    wanted = dataclasses.replace(PLAIN, uri="s3://data/new")
    assert starting.keep_state(wanted, paused) == dataclasses.replace(wanted, enabled=False)
    assert starting.changes(paused, starting.keep_state(wanted, paused)) == [
        ("uri", "s3://data/raw", "s3://data/new")
    ]
