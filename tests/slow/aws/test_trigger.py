"""sagepipe trigger, alone and declared, against a moto server over HTTP."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_versions
import outsider
import pytest
from command_result import Result, Run
from moto.core.responses import ActionResult
from server import ACCOUNT, BUCKET, REGION, SCHEDULER_ROLE
from wire import Fault, Wire

Client = Callable[[str], Any]

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/tables"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead-letters"
RAW = f"s3://{BUCKET}/raw"
NO_VERSIONS = ActionResult({"PipelineVersionSummaries": []})


@pytest.fixture
def pipeline(two_versions: Wire, monkeypatch: pytest.MonkeyPatch) -> Wire:
    outsider.commands_share_a_session(monkeypatch)
    return two_versions


@pytest.fixture
def run(pipeline: Wire, cli: Callable[..., Result]) -> Run:
    """`sagepipe trigger` with these arguments."""
    return functools.partial(cli, "trigger")


def create(client: Client, key: str) -> None:
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"")


def started(client: Client) -> list[dict[str, str]]:
    """The parameters of each execution there is."""
    sagemaker = client("sagemaker")
    found = sagemaker.list_pipeline_executions(PipelineName="tables")["PipelineExecutionSummaries"]
    return [
        {
            one["Name"]: one["Value"]
            for one in sagemaker.list_pipeline_parameters_for_execution(
                PipelineExecutionArn=summary["PipelineExecutionArn"]
            )["PipelineParameters"]
        }
        for summary in found
    ]


def test_data_that_arrive_start_one_execution(run: Run, client: Client) -> None:
    assert run("set", RAW, "-p", "InputPrefix=$.detail.object.key", "-p", "Seed=7").code == 0
    for number in range(5):
        create(client, f"raw/2026-11-20/{number}.csv")
    create(client, "runs/x/_READY")
    assert started(client) == []
    create(client, "raw/2026-11-20/_READY")
    assert started(client) == [{"InputPrefix": "raw/2026-11-20/_READY", "Seed": "7"}]


def test_a_suffix_starts_one_for_each_object(run: Run, client: Client) -> None:
    assert run("set", RAW, "--suffix", ".zip").code == 0
    for key in ("raw/a.zip", "raw/b/c.zip", "raw/a.csv", "raw/_READY"):
        create(client, key)
    assert len(started(client)) == 2


def test_a_paused_trigger_starts_nothing(run: Run, client: Client) -> None:
    assert run("set", RAW).code == 0
    assert run("pause").out == "trigger tables: paused\n"
    assert run("pause").out == "trigger tables: paused already\n"
    create(client, "raw/_READY")
    assert started(client) == []
    assert "paused; sagepipe trigger resume" in run("show").out
    # deploying it anew doesn't undo what an operator did
    assert run("set", RAW, "-p", "Seed=1").code == 0
    create(client, "raw/_READY")
    assert started(client) == []
    assert run("resume").out == "trigger tables: resumed\n"
    create(client, "raw/_READY")
    assert started(client) == [{"Seed": "1"}]


def test_set_shows_what_it_changes_before_it_does(run: Run, client: Client, pipeline: Wire) -> None:
    result = run("set", RAW, "--dead-letter-queue-arn", QUEUE, "--max-age", "3600")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "+ trigger tables"
    assert lines.index(f"    + uri: {RAW}") < lines.index("trigger tables: made")
    assert f"  when          each object called _READY below {RAW}/ is created" in lines
    rule = client("events").describe_rule(Name="tables")
    assert (rule["State"], rule["EventBusName"]) == ("ENABLED", "default")
    (target,) = client("events").list_targets_by_rule(Rule="tables")["Targets"]
    assert target["Arn"] == ARN
    assert target["RoleArn"] == SCHEDULER_ROLE
    assert target["DeadLetterConfig"] == {"Arn": QUEUE}
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600
    pipeline.clear()
    again = run("set", RAW, "--dead-letter-queue-arn", QUEUE, "--max-age", "3600")
    assert again.out.startswith("trigger tables: unchanged")
    assert pipeline.mutations == []
    changed = run("set", RAW, "--marker", "done.txt")
    assert changed.out.startswith("~ trigger tables\n    ~ marker: _READY → done.txt\n")
    assert json.loads(run("show", "--json").out)["marker"] == "done.txt"


class _Terminal:
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("word", ["trigger", "schedule"])
def test_a_person_is_asked(
    pipeline: Wire, cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    what = RAW if word == "trigger" else "rate(1 day)"
    monkeypatch.setattr(sys, "stdin", _Terminal())
    monkeypatch.setattr("builtins.input", lambda _: "n")
    refused = cli(word, "set", what)
    assert refused.code == 1
    assert refused.out.startswith(f"+ {word} tables\n")
    assert "nothing was changed" in refused.err
    assert pipeline.mutations == []
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("asked"))
    assert cli(word, "set", what, "--yes").code == 0
    # nor is anybody asked about nothing
    assert cli(word, "set", what).code == 0


def test_delete(run: Run, client: Client, pipeline: Wire) -> None:
    assert run("set", RAW).code == 0
    assert run("delete").out == "trigger tables: deleted; the pipeline is still there\n"
    assert client("events").list_rules()["Rules"] == []
    for word in ("show", "pause", "resume", "delete"):
        result = run(word)
        assert result.code == 1
        assert result.err.startswith("error: there is no trigger 'tables'; make one with sagepipe")


def test_somebody_elses_rule_is_left_alone(run: Run, client: Client, pipeline: Wire) -> None:
    events = client("events")
    events.put_rule(Name="tables", EventPattern='{"source": ["aws.ec2"]}')
    events.put_targets(
        Rule="tables",
        Targets=[{"Id": "f", "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"}],
    )
    pipeline.clear()
    for words in (("set", RAW), ("show",), ("pause",), ("delete",)):
        result = run(*words)
        assert result.code == 1
        assert "was not made by sagepipe trigger; give another name with --name" in result.err
    assert pipeline.mutations == []
    # nor is one that has no target yet
    events.remove_targets(Rule="tables", Ids=["f"])
    pipeline.clear()
    result = run("set", RAW)
    assert result.code == 1
    assert "waits for other events than a trigger's" in result.err
    assert pipeline.mutations == []


def test_a_bucket_that_tells_nothing_is_said(run: Run, client: Client) -> None:
    client("s3").put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={})
    result = run("set", RAW)
    assert result.code == 0
    assert f"note: bucket {BUCKET} tells EventBridge nothing, so nothing will start" in result.err


def test_a_bucket_that_may_not_be_asked_is_said(run: Run, pipeline: Wire) -> None:
    refused = Fault(
        lambda _, call: call.operation == "s3:GetBucketNotificationConfiguration",
        how="AccessDenied",
        status=403,
    )
    with pipeline.fault(refused):
        result = run("set", RAW)
    assert result.code == 0
    assert "was not checked for notifications" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the trigger has no uri, such as s3://bucket/raw"),
        (("raw",), "it must be s3://bucket/prefix"),
        ((f"s3://{BUCKET}", "--suffix", ".csv"), "would start the next"),
        (("s3://no-such-bucket-here/raw",), "there is no bucket no-such-bucket-here"),
        ((RAW, "-p", "Other=1"), "Other"),
        ((RAW, "-p", "Seed=many"), "Seed"),
        ((RAW, "-p", "Columns=a $.detail.x"), "is the whole value"),
        ((RAW, "--max-age", "5"), "60 to 86400 seconds"),
    ],
)
def test_what_cannot_be_is_refused(
    run: Run, pipeline: Wire, arguments: tuple[str, ...], words: str
) -> None:
    result = run("set", *arguments)
    assert result.code == 1
    assert words in result.err
    assert "Traceback" not in result.err
    assert pipeline.mutations == []


@pytest.mark.parametrize("operation", ["PutTargets", "PutRule"])
def test_what_was_interrupted_is_finished_by_the_next(
    run: Run, client: Client, pipeline: Wire, operation: str
) -> None:
    lost = Fault(lambda _, call: call.operation == f"events:{operation}", how="InternalException",
                 status=500)  # fmt: skip
    with pipeline.fault(lost):
        assert run("set", RAW).code == 1
    assert "there is no trigger" in run("show").err
    assert run("set", RAW).out.startswith("+ trigger tables")
    create(client, "raw/_READY")
    assert len(started(client)) == 1


# --- declared ----------------------------------------------------------------------------------

DECLARED = f"""
[pipelines.tables.trigger]
uri = "{RAW}"
[pipelines.tables.trigger.parameters]
InputPrefix = "$.detail.object.key"
Seed = 3
"""


def test_upsert_declares_it(upsert: Run, client: Client, wire: Wire) -> None:
    Path("pipeline.toml").write_text(DECLARED)
    plan = upsert("--dry-run")
    assert plan.code == 2
    assert "+ trigger tables\n" in plan.out
    assert f"    + uri: {RAW}\n" in plan.out
    assert upsert().code == 0
    assert wire.mutations[-2:] == ["events:PutRule", "events:PutTargets"]
    assert upsert("--dry-run").code == 0
    create(client, "raw/x/_READY")
    assert started(client) == [{"InputPrefix": "raw/x/_READY", "Seed": "3"}]
    # changed by parameter, the rule itself is not written again
    Path("pipeline.toml").write_text(DECLARED.replace("Seed = 3", "Seed = 4"))
    wire.clear()
    result = upsert()
    assert "~ trigger tables\n    ~ parameters: " in result.out
    assert wire.mutations == ["events:PutTargets"]
    document = json.loads(upsert("--dry-run", "--json").out)
    assert document["actions"] == []


def test_a_plan_that_was_reviewed_holds_for_the_trigger(
    upsert: Run, client: Client, wire: Wire
) -> None:
    Path("pipeline.toml").write_text(DECLARED)
    Path("plan.json").write_text(upsert("--dry-run", "--json").out)
    Path("pipeline.toml").write_text(DECLARED.replace("raw", "other"))
    result = upsert("--expect", "plan.json")
    assert result.code == 1
    assert wire.mutations == []
    Path("pipeline.toml").write_text(DECLARED)
    assert upsert("--expect", "plan.json").code == 0


def test_the_role_must_trust_eventbridge(upsert: Run, client: Client, wire: Wire) -> None:
    Path("pipeline.toml").write_text(DECLARED)
    client("iam").update_assume_role_policy(
        RoleName=SCHEDULER_ROLE.rpartition("/")[2],
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Principal": {"Service": "scheduler.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                },
            }
        ),
    )
    wire.clear()
    result = upsert()
    assert result.code == 1
    assert "can't be assumed by events.amazonaws.com" in result.err
    assert wire.mutations == []


def test_rolling_back_what_a_trigger_could_not_start(
    run: Run, cli: Callable[..., Result], pipeline: Wire
) -> None:
    # version 1 lacks the parameter Scale
    assert run("set", RAW, "-p", "Scale=true").code == 0
    pipeline.clear()
    result = cli("versions", "rollback", "1", "--dry-run")
    assert result.code == 1
    assert "trigger tables can't start version 1" in result.err or "is gone" in result.err


def test_a_new_pipelines_version_is_waited_for(
    upsert: Run, client: Client, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    real = fake_versions.SageMakerResponse.list_pipeline_versions

    def late(self: Any) -> Any:
        return real(self) if len(waited) >= 2 else NO_VERSIONS

    monkeypatch.setattr(fake_versions.SageMakerResponse, "list_pipeline_versions", late)
    assert upsert().code == 0
    assert len(waited) == 2
    monkeypatch.setattr(fake_versions.SageMakerResponse, "list_pipeline_versions", real)
    (version,) = client("sagemaker").list_pipeline_versions(PipelineName="tables")[
        "PipelineVersionSummaries"
    ]
    assert version["PipelineVersionDisplayName"]


def test_a_version_that_never_comes_is_an_error_in_words(
    upsert: Run, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(
        fake_versions.SageMakerResponse, "list_pipeline_versions", lambda _: NO_VERSIONS
    )
    result = upsert()
    assert result.code == 1
    assert "lists no version yet; upsert again in a minute" in result.err
    again = upsert()
    assert again.code == 1
    assert "lists no version yet" in again.err
