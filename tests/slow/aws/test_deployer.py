"""DeployerPolicy and PlannerPolicy of infra/bootstrap.yaml against what the verbs really call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fake_executions
import iam_calls
import pytest
import wire as wire_
from command_result import Result
from policies import Call, actions, allowed, without_one_action, without_one_resource
from server import ACCOUNT, REGION, ROLE, Server
from stacks import Stack, deploy
from wire import Wire

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse")

Cli = Callable[..., Result]
Client = Callable[[str], Any]

PARAMETERS = {
    "PipelineName": "tables",
    "ArtifactPrefix": "tables",
    "InputBucket": "recordings",
    "OutputBucket": "results",
    "GitHubRepository": "team/pipelines",
}


@pytest.fixture
def stack(server: Server, client: Client, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A deployed stack, whose outputs are the settings."""
    made = deploy(server, "tables", PARAMETERS)
    for name in ("ARTIFACT_BUCKET", "ROLE_ARN", "SCHEDULER_ROLE_ARN"):
        monkeypatch.delenv(f"PIPELINE_{name}")
    for bucket in ("recordings", "results"):
        where = {"LocationConstraint": REGION}
        client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    monkeypatch.setattr(fake_executions, "BUCKET", "results")
    server.wire.clear()
    return made


def settings(stack: Stack, more: str = "", tags: str = 'team = "a"\nplace = "b"') -> None:
    text = stack.outputs["PipelineToml"].replace("[pipelines.ecg-pca", "[pipelines.tables")
    Path("pipeline.toml").write_text(f'alias = "live"\n{text}\n[tags]\n{tags}\n{more}')


STARTS = """
[pipelines.tables.schedule]
expression = "rate(1 day)"
[pipelines.tables.trigger]
uri = "s3://recordings/raw"
"""


@pytest.fixture
def called(
    stack: Stack,
    paced: None,
    cli: Cli,
    upsert: Callable[..., Result],
    wire: Wire,
    client: Client,
    changed_code: Callable[[], None],
    definition: str,
) -> Mapping[str, list[Call]]:
    """The calls of planning, and those of all verbs."""

    calls: list[wire_.Call] = []

    def done(verb: str, *arguments: str, code: int = 0) -> list[wire_.Call]:
        wire.clear()  # what the test does in between is nobody's right
        result = cli(verb, *arguments)
        assert result.code == code, (verb, arguments, result)
        calls.extend(wire.calls)
        return list(wire.calls)

    settings(stack, STARTS)
    done("upsert")
    changed_code()
    settings(stack, STARTS.replace("1 day", "2 days"), tags='team = "c"')
    planning = done("upsert", "--dry-run", code=2)
    done("upsert")
    for words in ("list", "show", "diff 1 --code", "rollback 1"):
        done("versions", *words.split())
    scripts = stack.outputs["ArtifactBucketName"]
    unused = f"tables/code/{'0' * 64}/unused.py"
    client("s3").put_object(Bucket=scripts, Key=unused, Body=b"")
    client("sagemaker").create_pipeline(
        PipelineName="other", PipelineDefinition=definition, RoleArn=ROLE
    )
    done("versions", "prune", "--delete", "--older-than", "0")
    for verb, what in (("schedule", "rate(3 days)"), ("trigger", "s3://recordings/new")):
        done(verb, "set", what)
        for word in ("show", "pause", "resume", "delete"):
            done(verb, word)
        done(verb, "set", what)  # made anew, where upsert had made it
    watch = ("watch", "--interval", "0.01", "--quiet")
    done("start")
    done(*watch)
    output = f"runs/{latest(client)}/Fit/model/model.json"
    client("s3").put_object(Bucket="results", Key=output, Body=b"{}")
    done(*watch, "--download", "here")
    done("start", "--display-name", "fails-Fit")
    done(*watch, code=1)
    history = ("history", "--on", "sagemaker")
    done(*history)
    done(*history, "show", "latest")
    done(*history, "logs", "latest", "Fit", "--lines", "2")
    done(*watch, "--retry")
    done("start")
    done("watch", "--stop", code=3)
    return {"planner": iam_calls.of(planning), "deployer": iam_calls.of(calls)}


def latest(client: Client) -> str:
    found = client("sagemaker").list_pipeline_executions(PipelineName="tables")
    arn: str = found["PipelineExecutionSummaries"][0]["PipelineExecutionArn"]
    return arn.rpartition("/")[2]


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:UpdatePipeline", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/other"),
        (
            "sagemaker:StartPipelineExecution",
            f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/other",
        ),
        ("sagemaker:DeletePipeline", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/tables"),
        ("s3:GetObject", "arn:aws:s3:::recordings/raw/a.csv"),
        ("s3:PutObject", "arn:aws:s3:::results/runs/x"),
        ("s3:PutObject", "arn:aws:s3:::recordings/raw/a.csv"),
        ("iam:PassRole", ROLE),
        ("events:PutRule", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/other"),
        ("events:PutEvents", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"),
    ],
)
def test_a_deployer_may_not(stack: Stack, action: str, resource: str) -> None:
    for policy in ("DeployerPolicy", "PlannerPolicy", "DoctorPolicy"):
        assert not allowed(stack.managed[policy], Call(action, resource))


def test_the_roles_are_passed_to_who_takes_them_only(stack: Stack) -> None:
    execution, starting = stack.outputs["RoleArn"], stack.outputs["SchedulerRoleArn"]
    for role, services in ((execution, {"sagemaker"}), (starting, {"scheduler", "events"})):
        for service in ("sagemaker", "scheduler", "events", "ec2", "lambda"):
            to = (("iam:PassedToService", f"{service}.amazonaws.com"),)
            call = Call("iam:PassRole", role, to)
            assert allowed(stack.managed["DeployerPolicy"], call) == (service in services)
            assert not allowed(stack.managed["PlannerPolicy"], call)


def test_the_verbs_may_do_what_they_do_and_nothing_else(
    stack: Stack, called: Mapping[str, list[Call]]
) -> None:
    idle = []
    for which, policy in (("planner", "PlannerPolicy"), ("deployer", "DeployerPolicy")):
        statements, calls = stack.managed[policy], called[which]
        refused = [call for call in calls if not allowed(statements, call)]
        assert not refused, f"{policy}: these calls would be refused"
        unexplained = actions(statements) - {call.action for call in calls}
        assert not unexplained, f"{policy}: no verb calls these"
        for removed in (without_one_action, without_one_resource):
            for statement, what, rest in removed(statements):
                if all(allowed(rest, call) for call in calls):
                    idle.append(f"{policy}: nothing rests on {what} in statement {statement}")
    assert not idle
