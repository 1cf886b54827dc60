"""A fault at every single AWS call of an upsert, one after the other.

Before a call takes effect the connection breaks; or after it, so that only the answer is lost.
Each time the deployed pipeline must be wholly the old or wholly the new one, with all its scripts
there, and a second upsert must finish the job and leave nothing to do for a third.
"""

from __future__ import annotations

import functools
import hashlib
import json
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tables
from command_result import Run
from server import ROLE, Server, furnish
from wire import Fault, Wire

from sagepipe.aws import boto
from sagepipe.deploy import deployed
from sagepipe.language import validate
from sagepipe.schedule import expression

Client = Callable[[str], Any]

OTHER_ROLE = f"{ROLE}-2"
OLD = """\
alias = "live"
[tags]
team = "ecg"
[pipelines.tables.schedule]
expression = "rate(1 day)"
"""
NEW = f"""\
alias = "live"
role_arn = "{OTHER_ROLE}"
max_parallel_steps = 2
[tags]
stage = "test"
[pipelines.tables.schedule]
expression = "rate(2 days)"
parameters = {{ Seed = 1 }}
"""


@dataclass(frozen=True)
class Snapshot:
    """The parts that must change together, and the schedule, which is replaced whole."""

    pipeline: tuple[Any, ...] | None
    schedule: str | None


def snapshot(client: Client) -> Snapshot:
    sagemaker, scheduler = client("sagemaker"), client("scheduler")
    pipeline, schedule = None, None
    if sagemaker.list_pipelines()["PipelineSummaries"]:
        there = sagemaker.describe_pipeline(PipelineName="tables")
        pipeline = (
            there["PipelineDefinition"],
            there["RoleArn"],
            there["PipelineDescription"],
            there["ParallelismConfiguration"]["MaxParallelExecutionSteps"],
        )
    if scheduler.list_schedules()["Schedules"]:
        found = scheduler.get_schedule(Name="tables")
        schedule = json.dumps([found["ScheduleExpression"], found["Target"]])
    return Snapshot(pipeline, schedule)


def check_versions(client: Client) -> list[dict[str, Any]]:
    """Every version's scripts are there, with the content that their names say."""
    sagemaker, s3 = client("sagemaker"), client("s3")
    listed: list[dict[str, Any]] = sagemaker.list_pipeline_versions(PipelineName="tables")[
        "PipelineVersionSummaries"
    ]
    for version in listed:
        number = version["PipelineVersionId"]
        there = sagemaker.describe_pipeline(PipelineName="tables", PipelineVersionId=number)
        scripts = deployed.scripts(there["PipelineDefinition"])
        assert len(scripts) == 5
        for script in scripts:
            data = s3.get_object(Bucket=script.bucket, Key=script.key)["Body"].read()
            assert hashlib.sha256(data).hexdigest() == script.sha256
    holders = [one for one in listed if "live" in one.get("PipelineVersionAliases", [])]
    assert len(holders) <= 1
    return listed


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same clients and time zones for all runs, as making them takes longer than the calls.
    The definitions are validated in other tests."""
    monkeypatch.setattr(boto, "client", functools.cache(boto.client))
    zones = functools.cache(zoneinfo.available_timezones)
    monkeypatch.setattr(expression, "available_timezones", zones)
    monkeypatch.setattr(validate, "check", lambda _: None)


@pytest.fixture
def start(
    account: Server, client: Client, upsert: Run, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str | None], None]:
    """Puts an account into the state that an upsert of `deployed` leaves; None is an empty one."""
    monkeypatch.delenv("PIPELINE_ROLE_ARN")
    file = Path("pipeline.toml")

    def go(deployed: str | None) -> None:
        account.reset()
        furnish(account.url)
        client("iam").create_role(
            RoleName=OTHER_ROLE.rpartition("/")[2],
            AssumeRolePolicyDocument=json.dumps(
                {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": ["sagemaker.amazonaws.com"]},
                            "Action": ["sts:AssumeRole"],
                        }
                    ]
                }
            ),
        )
        if deployed is not None:
            file.write_text(f'role_arn = "{ROLE}"\n' + deployed)
            assert upsert().code == 0
        file.write_text(NEW)
        account.wire.clear()

    return go


def cases(total: int, mutating: list[int]) -> Iterator[tuple[int, bool]]:
    """(call, after it took effect); a reading call leaves nothing behind either way."""
    for index in range(total):
        yield index, False
        if index in mutating:
            yield index, True


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("before", [None, OLD], ids=["create", "update"])
def test_a_fault_at_every_call(
    upsert: Run,
    wire: Wire,
    client: Client,
    start: Callable[[str | None], None],
    changed_code: Callable[[], None],
    checkout: Any,
    before: str | None,
) -> None:
    start(before)
    old = snapshot(client)
    changed_code()
    # What an undisturbed run does.
    wire.clear()
    assert upsert().code == 0
    calls = list(wire.calls)
    mutating = [index for index, call in enumerate(calls) if call.mutating]
    new = snapshot(client)
    assert new != old
    assert new.pipeline is not None
    assert new.pipeline[1:] == (OTHER_ROLE, new.pipeline[2], 2)
    kinds = {calls[index].operation for index in mutating}
    assert {"s3:PutObject", "sagemaker:UpdatePipelineVersion"} < kinds
    assert {"scheduler:UpdateSchedule" if before else "scheduler:CreateSchedule"} < kinds
    seen = {"old": 0, "new": 0}
    dirty = True
    for index, after in cases(len(calls), mutating):
        where = f"{'after' if after else 'at'} call {index}, {calls[index].operation}"
        if dirty:
            changed, checkout.project = checkout.project, tables.PROJECT
            start(before)
            checkout.project = changed
        wire.clear()
        with wire.fault(Fault(lambda at, _, index=index: at == index, after=after)):
            broken = upsert()
        # Answers that nobody needs are not missed: an upload's, which is looked for again.
        assert broken.code == 1, where
        assert len(broken.err.splitlines()) <= 2, broken.err
        dirty = bool(set(range(index)) & set(mutating)) or after
        now = snapshot(client)
        assert now.pipeline in (old.pipeline, new.pipeline), where
        assert now.schedule in (old.schedule, new.schedule), where
        # The schedule's new parameters only ever meet the definition that has them.
        assert now.schedule == old.schedule or now.pipeline == new.pipeline, where
        seen["new" if now.pipeline == new.pipeline else "old"] += 1
        if now.pipeline is not None:
            check_versions(client)
        if not dirty:
            assert now == old, where
            continue
        wire.clear()
        healed = upsert()
        assert healed.code == 0, (where, healed.err)
        assert snapshot(client) == new, where
        latest = check_versions(client)[0]
        assert latest["PipelineVersionAliases"] == ["live"], where
        assert latest["PipelineVersionDisplayName"].endswith("-c0ffeec0ffee"), where
        tags = client("sagemaker").list_tags(ResourceArn=latest["PipelineArn"])["Tags"]
        assert tags == [{"Key": "stage", "Value": "test"}], where
        if index in mutating:
            wire.clear()
            assert upsert().code == 0
            assert wire.mutations == [], where
    assert seen["old"] > 10
    assert seen["new"] > 3


@pytest.mark.parametrize("operation", ["sagemaker:UpdatePipeline", "s3:PutObject"])
def test_what_passes_by_itself_is_retried(
    upsert: Run,
    wire: Wire,
    changed_code: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
) -> None:
    assert upsert().code == 0
    changed_code()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    boto._session.cache_clear()
    monkeypatch.setattr("time.sleep", lambda _: None)
    wire.clear()
    first = [True]

    def once(_: int, call: Any) -> bool:
        return call.operation == operation and first and first.pop()

    with wire.fault(Fault(once, how="ThrottlingException", status=400)):
        result = upsert()
    assert result.code == 0, result.err
    assert wire.operations.count(operation) == 2
    assert upsert("--dry-run").code == 0


def test_a_lost_answer_to_an_upload_that_is_retried(
    upsert: Run, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second attempt finds the object that the first one wrote, and that's fine."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    boto._session.cache_clear()
    monkeypatch.setattr("time.sleep", lambda _: None)
    first = [True]

    def once(_: int, call: Any) -> bool:
        return call.operation == "s3:PutObject" and bool(first) and first.pop()

    with wire.fault(Fault(once, how="drop", after=True)):
        result = upsert()
    assert result.code == 0, result.err
    assert wire.operations.count("s3:PutObject") == 6
    assert upsert("--dry-run").code == 0
