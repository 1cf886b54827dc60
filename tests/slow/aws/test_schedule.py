"""sagepipe schedule and what it is made of, against a moto server over HTTP."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import fake_versions
import outsider
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.stub import Stubber
from botocore.validate import ParamValidator
from command_result import Result, Run
from server import ACCOUNT, REGION, SCHEDULER_ROLE
from wire import Fault, Wire

from sagepipe.aws import boto
from sagepipe.errors import AwsError, ParameterError, ScheduleError
from sagepipe.schedule import declared, scheduler, schedules
from sagepipe.schedule.schedules import Schedule

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/tables"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead-letters"
UNIVERSAL = "arn:aws:scheduler:::aws-sdk:sagemaker:startPipelineExecution"
NIGHTLY = "cron(30 2 * * ? *)"

MODELS = {
    name: ServiceModel(Loader().load_service_model(name, "service-2"), name)
    for name in ("scheduler", "sagemaker")
}

PLAIN = Schedule(name="nightly", expression=NIGHTLY, pipeline_arn=ARN, role_arn=SCHEDULER_ROLE)
FULL = Schedule(
    name="full",
    expression="rate(12 hours)",
    pipeline_arn=ARN,
    role_arn=SCHEDULER_ROLE,
    timezone="Europe/Berlin",
    flex_minutes=15,
    start=datetime(2126, 12, 1, tzinfo=UTC),
    end=datetime(2126, 12, 24, 6, 30, tzinfo=UTC),
    parameters=(("InputPrefix", 'live/"quoted"'), ("Columns", "i,ii")),
    version=7,
    dead_letter_queue=QUEUE,
    max_age_seconds=3600,
    max_retries=3,
    enabled=False,
    delete_when_done=True,
    description="twice a day",
)
ALIAS = dataclasses.replace(PLAIN, name="aliased", alias="live")


@pytest.fixture
def pipeline(two_versions: Wire, monkeypatch: pytest.MonkeyPatch) -> Wire:
    outsider.commands_share_a_session(monkeypatch)
    monkeypatch.setenv("PIPELINE_SCHEDULER_ROLE_ARN", SCHEDULER_ROLE)
    return two_versions


@pytest.fixture
def run(pipeline: Wire, cli: Callable[..., Result]) -> Run:
    """`sagepipe schedule` with these arguments."""
    return functools.partial(cli, "schedule")


def there(client: Callable[[str], Any], name: str = "tables") -> dict[str, Any]:
    answer: dict[str, Any] = client("scheduler").get_schedule(Name=name)
    return answer


def check_against_model(service: str, operation: str, request: dict[str, Any]) -> None:
    """Types as botocore checks them; lengths, ranges, patterns and enumerations as the service."""
    shape = MODELS[service].operation_model(operation).input_shape
    assert shape is not None
    report = ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()
    fake_versions._check(shape, request, "")


# --- the data ----------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [PLAIN, FULL, ALIAS], ids=lambda one: one.name)
def test_a_request_fits_the_service_model_and_is_read_back(wanted: Schedule) -> None:
    request = wanted.request()
    check_against_model("scheduler", "CreateSchedule", request)
    check_against_model("scheduler", "UpdateSchedule", request)
    assert schedules.parse(request) == wanted


@pytest.mark.parametrize("wanted", [FULL, ALIAS], ids=lambda one: one.name)
def test_a_pinned_run_is_a_request_that_sagemaker_takes(wanted: Schedule) -> None:
    target = wanted.request()["Target"]
    assert target["Arn"] == UNIVERSAL
    assert "SageMakerPipelineParameters" not in target
    # as EventBridge Scheduler fills it in
    at = [target["Input"].replace("<aws.scheduler.scheduled-time>", time) for time in _RUNS]
    first, second = (json.loads(one) for one in at)
    check_against_model("sagemaker", "StartPipelineExecution", first)
    assert "<" not in at[0]
    assert first["PipelineName"] == ARN
    assert first.get("PipelineVersionId") == wanted.version
    assert first.get("PipelineVersionAlias") == wanted.alias
    given = [{"Name": name, "Value": value} for name, value in wanted.parameters]
    assert first["PipelineParameters"] == given
    assert first["ClientRequestToken"] != second["ClientRequestToken"]


_RUNS = ("2026-11-21T01:30:00Z", "2026-11-22T01:30:00Z")


@pytest.mark.parametrize("name", ["a", "n" * 64])
def test_the_token_of_a_run_has_a_fit_length_and_is_its_own(name: str) -> None:
    request = dataclasses.replace(FULL, name=name).request()
    token = json.loads(request["Target"]["Input"])["ClientRequestToken"]
    filled = token.replace("<aws.scheduler.scheduled-time>", _RUNS[0])
    assert filled != token
    assert 32 <= len(filled) <= 128
    assert name in filled  # two schedules at the same minute are two runs


def test_without_a_version_the_templated_target_is_used() -> None:
    target = PLAIN.request()["Target"]
    assert target["Arn"] == ARN
    assert target["SageMakerPipelineParameters"] == {}
    assert "Input" not in target


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("expression", "cron(0 2 * * * *)", "neither day-of-month nor day-of-week"),
        ("timezone", "Berlin", "did you mean Europe/Berlin"),
        ("name", "", "1 to 64 letters"),
        ("name", "a b", "1 to 64 letters"),
        ("name", "n" * 65, "1 to 64 letters"),
        ("pipeline_arn", "tables", "a pipeline's ARN"),
        ("role_arn", "scheduler", "SchedulerRoleArn in the outputs of infra/bootstrap.yaml"),
        ("dead_letter_queue", "dead-letters", "the ARN of an SQS standard queue"),
        ("dead_letter_queue", f"{QUEUE}.fifo", "the ARN of an SQS standard queue"),
        ("flex_minutes", -1, "0 to 1440 minutes"),
        ("flex_minutes", 1441, "0 to 1440 minutes"),
        ("max_age_seconds", 59, "60 to 86400 seconds"),
        ("max_age_seconds", 86401, "60 to 86400 seconds"),
        ("max_retries", 186, "0 to 185 attempts"),
        ("version", 0, "versions count from 1"),
        ("alias", "a b", "1 to 128 letters"),
        ("description", "d" * 513, "512 characters"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, words: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        dataclasses.replace(PLAIN, **{field: value})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fields_that_contradict_each_other() -> None:
    with pytest.raises(ScheduleError, match="pins a version or follows an alias, not both"):
        dataclasses.replace(PLAIN, version=1, alias="live")
    with pytest.raises(ScheduleError, match=r"ends .* before it starts"):
        dataclasses.replace(FULL, end=FULL.start)


def test_what_starts_something_else_is_not_read_as_ours() -> None:
    response = PLAIN.request()
    response["Target"] = {"Arn": "arn:aws:lambda:eu-west-1:1:function:f", "RoleArn": SCHEDULER_ROLE}
    with pytest.raises(ScheduleError, match=r"starts arn:aws:lambda:.* which is no pipeline"):
        schedules.parse(response)
    for text in ("", "no json", "[]", '{"PipelineName": 1}'):
        response["Target"] = {"Arn": UNIVERSAL, "RoleArn": SCHEDULER_ROLE, "Input": text}
        with pytest.raises(ScheduleError, match="an input that can't be read"):
            schedules.parse(response)


def test_changes_are_data() -> None:
    assert schedules.changes(PLAIN, PLAIN) == []
    wanted = dataclasses.replace(PLAIN, timezone="Asia/Tokyo", version=2)
    assert schedules.changes(PLAIN, wanted) == [
        ("timezone", "UTC", "Asia/Tokyo"),
        ("version", None, 2),
    ]
    assert ("expression", None, NIGHTLY) in schedules.changes(None, PLAIN)


def test_deploying_keeps_a_paused_schedule_paused() -> None:
    paused = dataclasses.replace(PLAIN, enabled=False)
    wanted = dataclasses.replace(PLAIN, flex_minutes=5)
    assert schedules.keep_state(wanted, paused) == dataclasses.replace(wanted, enabled=False)
    assert schedules.keep_state(wanted, PLAIN) == wanted
    assert schedules.keep_state(wanted, None) == wanted


def test_parameters_are_checked_against_the_definition() -> None:
    now = datetime.now(UTC)
    definition = {
        "Parameters": [
            {"Name": "Columns", "Type": "String", "DefaultValue": "all"},
            {"Name": "Seed", "Type": "Integer", "DefaultValue": 0},
            {"Name": "Fill", "Type": "String", "EnumValues": ["zero"], "DefaultValue": "zero"},
        ]
    }

    def given(**values: str) -> Schedule:
        return dataclasses.replace(PLAIN, parameters=tuple(values.items()))

    schedules.check(given(Columns="i", Seed="3"), definition, now)
    for values, words in (
        ({"Column": "i"}, "did you mean Columns"),
        ({"Seed": "three"}, "takes a whole number"),
        ({"Fill": "none"}, "not one of zero"),
        ({"Columns": ""}, "is empty"),
    ):
        with pytest.raises(ParameterError, match=words):
            schedules.check(given(**values), definition, now)
    mandatory = {"Parameters": [{"Name": "Key", "Type": "String"}]}
    with pytest.raises(ParameterError, match="has no default"):
        schedules.check(PLAIN, mandatory, now)


def test_a_schedule_that_would_never_run_is_refused() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    past = dataclasses.replace(PLAIN, expression="at(2026-05-31T00:00:00)")
    with pytest.raises(ScheduleError, match="never runs: that time is past or doesn't exist"):
        schedules.check(past, {}, now)
    ended = dataclasses.replace(PLAIN, end=now + timedelta(minutes=1))
    with pytest.raises(ScheduleError, match="never runs before 2026-06-01"):
        schedules.check(ended, {}, now)
    between = dataclasses.replace(ended, start=now)
    with pytest.raises(ScheduleError, match="never runs between 2026-06-01"):
        schedules.check(between, {}, now)


# --- declared ----------------------------------------------------------------------------------


def declare(**table: Any) -> Schedule:
    return declared.declared(
        {"expression": NIGHTLY, **table},
        pipeline_name="tables",
        pipeline_arn=ARN,
        role_arn=SCHEDULER_ROLE,
        dead_letter_queue=QUEUE,
    )


def test_a_table_declares_all_of_it() -> None:
    found = declare(
        timezone="Europe/Berlin",
        flex_minutes=15,
        start=date(2126, 12, 1),
        end="2126-12-24T06:30",
        parameters={"Seed": 3, "Columns": "i,ii", "MaxRejectedShare": 0.1, "Flag": True},
        version=7,
        max_retries=0,
        max_age_seconds=60,
        delete_when_done=True,
        description="nightly",
    )
    assert found.name == "tables"
    assert found.dead_letter_queue == QUEUE
    # midnight and half past six in Berlin
    assert found.start == datetime(2126, 11, 30, 23, tzinfo=UTC)
    assert found.end == datetime(2126, 12, 24, 5, 30, tzinfo=UTC)
    assert dict(found.parameters) == {
        "Flag": "true",
        "Columns": "i,ii",
        "MaxRejectedShare": "0.1",
        "Seed": "3",
    }
    assert (found.max_retries, found.max_age_seconds, found.version) == (0, 60, 7)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"expresion": "x"}, "no expresion; do you mean expression"),
        ({"colour": "x"}, "no colour; there are expression, name"),
        ({"flex_minutes": "15"}, "flex_minutes is '15'; it must be a whole number of minutes"),
        ({"flex_minutes": True}, "flex_minutes is True; it must be a whole number"),
        ({"parameters": ["Columns"]}, "it must be a table, \\[schedule.parameters\\]"),
        ({"start": "tomorrow"}, "start is 'tomorrow'; write a date or time"),
        ({"expression": 5}, "expression is 5; it must be a string"),
        ({"version": 0}, "there is no version 0; versions are 1, 2, 3"),
        ({"name": "n" * 65}, "too long for a schedule's name"),
    ],
)
def test_a_wrong_table_is_refused(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ScheduleError, match=words):
        declare(**table)


def test_a_table_without_expression_is_refused() -> None:
    with pytest.raises(ScheduleError, match="has no expression, such as cron"):
        declared.check_keys({"timezone": "UTC"})


# --- the command -------------------------------------------------------------------------------


def test_set_makes_it_and_shows_the_next_five_times(
    run: Run, client: Callable[[str], Any], pipeline: Wire
) -> None:
    result = run(
        "set", NIGHTLY, "--timezone", "Europe/Berlin", "--flex", "15", "-p", "Columns=i,ii",
        "--dead-letter-queue-arn", QUEUE, "--max-retries", "3", "--max-age", "3600",
    )  # fmt: skip
    assert (result.code, result.err) == (0, "")
    assert pipeline.mutations == ["scheduler:CreateSchedule"]
    made = there(client)
    assert made["ScheduleExpression"] == NIGHTLY
    assert made["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert made["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    assert made["Target"] == {
        "Arn": ARN,
        "RoleArn": SCHEDULER_ROLE,
        "DeadLetterConfig": {"Arn": QUEUE},
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 3},
        "SageMakerPipelineParameters": {
            "PipelineParameterList": [{"Name": "Columns", "Value": "i,ii"}]
        },
    }
    lines = result.out.splitlines()
    assert lines[0] == "schedule tables: made"
    times = [line for line in lines if " 02:30 CE" in line]
    assert len(times) == 5
    assert times[0].split()[0] == "next"


def test_setting_it_twice_writes_nothing_the_second_time(run: Run, pipeline: Wire) -> None:
    arguments = ("set", "rate(12 hours)", "--start", "2126-12-01", "--version", "1")
    assert run(*arguments).code == 0
    pipeline.clear()
    result = run(*arguments)
    assert result.out.startswith("schedule tables: unchanged")
    assert pipeline.operations == ["sagemaker:DescribePipeline", "scheduler:GetSchedule"]


def test_setting_it_anew_replaces_all_of_it(run: Run, client: Callable[[str], Any]) -> None:
    assert run("set", NIGHTLY, "--flex", "9", "-p", "Seed=1", "--description", "old").code == 0
    result = run("set", "rate(12 hours)", "--version", "1")
    assert result.out.startswith("schedule tables: changed")
    now = there(client)
    assert now["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert now["Target"]["Arn"] == UNIVERSAL
    assert json.loads(now["Target"]["Input"])["PipelineVersionId"] == 1
    assert not now.get("Description")


def test_pause_and_resume_touch_the_state_alone(
    run: Run, client: Callable[[str], Any], pipeline: Wire
) -> None:
    run("set", NIGHTLY, "--timezone", "Asia/Tokyo", "--flex", "5", "-p", "Seed=1")
    before = there(client)
    pipeline.clear()
    assert run("pause").out == "schedule tables: paused\n"
    paused = there(client)
    assert paused["State"] == "DISABLED"
    assert "paused; sagepipe schedule resume" in run("show").out
    assert run("pause").out == "schedule tables: paused already\n"
    assert run("resume").out == "schedule tables: resumed\n"
    assert run("resume").out == "schedule tables: resumed already\n"
    assert pipeline.mutations == ["scheduler:UpdateSchedule"] * 2
    after = there(client)
    for answer in (before, paused, after):
        for name in ("ResponseMetadata", "LastModificationDate"):
            answer.pop(name)
    assert before == after
    assert {name for name in before if before[name] != paused[name]} == {"State"}


def test_pausing_keeps_what_this_project_does_not_know() -> None:
    response = {
        **FULL.request(),
        "State": "ENABLED",
        "Arn": "arn:aws:scheduler:eu-west-1:1:schedule/group/full",
        "GroupName": "group",
        "KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
        "CreationDate": datetime.now(UTC),
    }
    client = boto.client("scheduler", REGION)
    with Stubber(client) as stubber:
        stubber.add_response("get_schedule", response, {"Name": "full"})
        wanted = {
            name: value for name, value in response.items() if name not in ("Arn", "CreationDate")
        }
        stubber.add_response(
            "update_schedule", {"ScheduleArn": response["Arn"]}, {**wanted, "State": "DISABLED"}
        )
        assert scheduler.set_state(client, "full", enabled=False)
        stubber.assert_no_pending_responses()


def test_setting_a_paused_schedule_leaves_it_paused(run: Run, client: Callable[[str], Any]) -> None:
    run("set", NIGHTLY)
    run("pause")
    assert "paused;" in run("set", "rate(1 day)").out
    assert there(client)["State"] == "DISABLED"
    run("resume")
    assert "paused;" in run("set", "rate(2 days)", "--paused").out
    assert there(client)["State"] == "DISABLED"


def test_delete(run: Run, client: Callable[[str], Any]) -> None:
    run("set", NIGHTLY)
    assert run("delete").out == "schedule tables: deleted; the pipeline is still there\n"
    assert client("scheduler").list_schedules()["Schedules"] == []
    assert client("sagemaker").describe_pipeline(PipelineName="tables")["PipelineArn"] == ARN


@pytest.mark.parametrize("verb", ["show", "pause", "resume", "delete"])
def test_there_is_none(run: Run, pipeline: Wire, verb: str) -> None:
    result = run(verb, "--name", "nightly")
    assert result.code == 1
    assert result.err.startswith("error: there is no schedule 'nightly'; make one with")
    assert len(result.err.splitlines()) == 1
    assert set(pipeline.mutations) <= {"scheduler:DeleteSchedule"}


def test_show_as_json(run: Run) -> None:
    run("set", NIGHTLY, "-p", "Seed=1", "--start", "2126-01-01", "--alias", "live")
    found = json.loads(run("show", "--json").out)
    assert found["expression"] == NIGHTLY
    assert found["parameters"] == {"Seed": "1"}
    assert found["alias"] == "live"
    assert found["start"] == "2126-01-01T00:00:00+00:00"
    assert found["next_times"] == [f"2126-01-0{day}T02:30:00+00:00" for day in range(1, 6)]


def test_show_a_one_time_schedule(run: Run) -> None:
    result = run("set", "at(2126-12-24T06:00:00)", "--delete-when-done")
    assert "  next          Tue 2126-12-24 06:00 UTC" in result.out
    assert "the schedule deletes itself" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("set", "cron(30 2 * * * *)"), "neither day-of-month nor day-of-week is ?"),
        (("set", NIGHTLY, "--timezone", "Berlin"), "did you mean Europe/Berlin"),
        (
            ("set", NIGHTLY, "-p", "Column=i"),
            "'Column' is not in the definition; did you mean Columns?",
        ),
        (("set", NIGHTLY, "-p", "Seed=x"), "'Seed' takes a whole number"),
        (("set", NIGHTLY, "-p", "Seed"), "-p Seed: write -p NAME=VALUE"),
        (("set", NIGHTLY, "-p", "Scale=true", "--version", "1"), "'Scale' is not in the"),
        (("set", NIGHTLY, "--version", "9"), "no pipeline 'tables', version 9 in eu-west-1"),
        (("set", NIGHTLY, "--alias", "dev"), "no pipeline 'tables', alias 'dev' in eu-west-1"),
        (
            ("set", NIGHTLY, "--pipeline-name", "other"),
            "no pipeline 'other' in eu-west-1; deploy it",
        ),
        (("set", NIGHTLY, "--flex", "1441"), "flex_minutes is 1441"),
        (("set", NIGHTLY, "--end", "2020-01-01"), "never runs before 2020-01-01"),
        (("set", "at(2020-01-01T00:00:00)"), "never runs"),
        (("set", NIGHTLY, "--scheduler-role-arn", "me"), "role_arn is 'me'"),
        (("set",), "the schedule has no expression"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    run: Run, pipeline: Wire, arguments: tuple[str, ...], words: str
) -> None:
    result = run(*arguments)
    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert pipeline.mutations == []


def test_without_a_scheduler_role_all_three_ways_are_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIPELINE_SCHEDULER_ROLE_ARN")
    error = run("set", NIGHTLY).err
    for way in ("--scheduler-role-arn", "PIPELINE_SCHEDULER_ROLE_ARN", "pipeline.toml"):
        assert way in error


def test_set_without_an_expression_takes_the_table_of_pipeline_toml(
    run: Run, client: Callable[[str], Any]
) -> None:
    Path("pipeline.toml").write_text(
        '[pipelines.tables.schedule]\nexpression = "rate(6 hours)"\nname = "often"\n'
        "flex_minutes = 5\n"
        "[pipelines.tables.schedule.parameters]\nSeed = 3\n"
    )
    assert run("set").code == 0
    made = there(client, "often")
    assert made["ScheduleExpression"] == "rate(6 hours)"
    parameters = made["Target"]["SageMakerPipelineParameters"]["PipelineParameterList"]
    assert parameters == [{"Name": "Seed", "Value": "3"}]
    # the other verbs know its name, too
    assert run("show").out.startswith("schedule often\n")
    assert run("delete").code == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ExpiredTokenException", "the AWS credentials have expired"),
        ("ThrottlingException", "throttling"),
        ("AccessDeniedException", "not allowed"),
        ("drop", "check the region, the network"),
    ],
)
@pytest.mark.parametrize("operation", ["DescribePipeline", "GetSchedule", "CreateSchedule"])
def test_a_fault_is_one_line_and_leaves_no_schedule(
    run: Run,
    pipeline: Wire,
    client: Callable[[str], Any],
    operation: str,
    code: str,
    words: str,
) -> None:
    fault = Fault(lambda _, call: call.operation.endswith(operation), code)
    with pipeline.fault(fault):
        result = run("set", NIGHTLY)
    assert result.code == 1
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert client("scheduler").list_schedules()["Schedules"] == []
    assert run("set", NIGHTLY).code == 0


def test_a_lost_answer_is_healed_by_a_rerun(
    run: Run, pipeline: Wire, client: Callable[[str], Any]
) -> None:
    fault = Fault(lambda _, call: call.operation.endswith("CreateSchedule"), after=True)
    with pipeline.fault(fault):
        assert run("set", NIGHTLY).code == 1
    assert run("set", NIGHTLY).out.startswith("schedule tables: unchanged")
    assert len(client("scheduler").list_schedules()["Schedules"]) == 1


def test_an_error_carries_its_code(pipeline: Wire) -> None:
    fault = Fault(lambda _, call: call.operation.endswith("GetSchedule"), "AccessDeniedException")
    with pipeline.fault(fault), pytest.raises(AwsError) as caught:
        scheduler.read(boto.client("scheduler", REGION), "x")
    assert caught.value.code == "AccessDeniedException"
