"""sagepipe upsert, whole, against a moto server over HTTP."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from command_result import Run
from server import BUCKET, ROLE, SCHEDULER_ROLE
from wire import Call, Wire

from sagepipe.deploy import deployed, revision

Client = Callable[[str], Any]


def described(client: Client, **which: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client("sagemaker").describe_pipeline(PipelineName="tables", **which)
    return answer


def listed(client: Client) -> list[dict[str, Any]]:
    answer = client("sagemaker").list_pipeline_versions(PipelineName="tables")
    found: list[dict[str, Any]] = answer["PipelineVersionSummaries"]
    return found


def tags(client: Client) -> dict[str, str]:
    arn = described(client)["PipelineArn"]
    answer = client("sagemaker").list_tags(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}


def toml(text: str) -> None:
    Path("pipeline.toml").write_text(text)


def test_first(upsert: Run, client: Client) -> None:
    result = upsert("--alias", "live", "--tag", "team=ecg", "--max-parallel-steps", "3")
    assert result.code == 0, result.err
    there = described(client)
    assert there["RoleArn"] == ROLE
    assert there["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}
    assert tags(client) == {"team": "ecg"}
    (version,) = listed(client)
    content = hashlib.sha256(there["PipelineDefinition"].encode()).hexdigest()
    assert version["PipelineVersionDisplayName"] == f"{content[:12]}-c0ffeec0ffee"
    assert version["PipelineVersionDescription"].startswith(f"definition {content}; commit c0ffee")
    assert version["PipelineVersionAliases"] == ["live"]


def test_the_scripts_are_what_their_names_say(upsert: Run, client: Client) -> None:
    assert upsert().code == 0
    scripts = deployed.scripts(described(client)["PipelineDefinition"])
    assert {one.name for one in scripts} == {
        "clean.py",
        "fit.py",
        "export.py",
        "tablelib.zip",
        "configuration.json",
    }
    for script in scripts:
        data = client("s3").get_object(Bucket=script.bucket, Key=script.key)["Body"].read()
        assert hashlib.sha256(data).hexdigest() == script.sha256


def test_twice_writes_nothing(upsert: Run, wire: Wire) -> None:
    toml(
        'alias = "live"\n[tags]\nteam = "ecg"\n'
        '[pipelines.tables.schedule]\nexpression = "rate(1 day)"\n'
    )
    assert upsert().code == 0
    wire.clear()
    again = upsert()
    assert again.code == 0
    assert "nothing to change (version 1, " in again.out
    assert wire.calls
    assert wire.mutations == []


def test_another_commit_with_the_same_content_writes_nothing(
    upsert: Run, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upsert().code == 0
    monkeypatch.setattr(revision, "find", lambda _: revision.Revision("f" * 40, True))
    wire.clear()
    assert upsert().code == 0
    assert wire.mutations == []


def test_dry_run(upsert: Run, wire: Wire) -> None:
    result = upsert("--dry-run", "--tag", "team=ecg")
    assert result.code == 2
    assert wire.mutations == []
    assert "+ script fit.py" in result.out
    assert "+ pipeline tables" in result.out
    assert "+ parameter FitInstanceCount: Integer, default 8" in result.out
    assert "+ step Export: Processing" in result.out
    assert "+ tag team: ecg" in result.out
    assert upsert("--tag", "team=ecg").code == 0
    assert upsert("--tag", "team=ecg", "--dry-run").code == 0
    assert upsert("--dry-run").code == 2


def test_json(upsert: Run, wire: Wire) -> None:
    result = upsert("--dry-run", "--json")
    plan = json.loads(result.out)
    assert result.code == 2
    assert plan["changes"] is True
    kinds = [action["action"] for action in plan["actions"]]
    assert kinds == ["upload"] * 5 + ["create", "name"]
    changes = {
        (one["subject"], one["field"]): one["after"] for one in plan["actions"][5]["changes"]
    }
    assert changes["pipeline", "role"] == ROLE
    assert changes["step Fit", ""] == "Processing"
    # Applied with --json, standard output is the plan and nothing else.
    applied = json.loads(upsert("--json").out)
    assert applied["id"] == plan["id"]
    assert json.loads(upsert("--dry-run", "--json").out) == {
        "schema": 1,
        "id": json.loads(upsert("--dry-run", "--json").out)["id"],
        "pipeline": "tables",
        "changes": False,
        "deployed": json.loads(upsert("--dry-run", "--json").out)["deployed"],
        "actions": [],
        "notes": [],
    }


def test_a_changed_script_is_a_new_version(
    upsert: Run, wire: Wire, client: Client, changed_code: Callable[[], None]
) -> None:
    assert upsert("--alias", "live").code == 0
    first = described(client)["PipelineDefinition"]
    changed_code()
    wire.clear()
    result = upsert("--alias", "live")
    assert result.code == 0, result.err
    assert wire.mutations == [
        "s3:PutObject",
        "sagemaker:UpdatePipeline",
        "sagemaker:UpdatePipelineVersion",
        "sagemaker:UpdatePipelineVersion",
    ]
    lines = result.out.splitlines()
    step = lines.index("    ~ step Fit")
    assert lines[step + 1].startswith("        ~ input code: s3://ecg-artifacts/tables/code/")
    assert not any("step Clean" in line for line in lines)
    new, old = listed(client)
    assert (new["PipelineVersionId"], new["PipelineVersionAliases"]) == (2, ["live"])
    assert "PipelineVersionAliases" not in old
    assert described(client, PipelineVersionId=1)["PipelineDefinition"] == first


def test_role_and_parallelism_alone_make_no_version(upsert: Run, client: Client) -> None:
    assert upsert().code == 0
    result = upsert("--max-parallel-steps", "2")
    assert result.code == 0
    assert "~ steps at the same time: 4 → 2" in result.out
    assert len(listed(client)) == 1
    assert described(client)["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 2}


def test_scripts_are_checksummed_and_encrypted(upsert: Run, client: Client, wire: Wire) -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-1111-2222-333344445555"
    assert upsert("--artifact-kms-key", key).code == 0
    for script in deployed.scripts(described(client)["PipelineDefinition"]):
        head = client("s3").head_object(Bucket=BUCKET, Key=script.key, ChecksumMode="ENABLED")
        assert head["ServerSideEncryption"] == "aws:kms"
        assert head["SSEKMSKeyId"] == key
        assert head["ChecksumSHA256"]


def test_an_overwritten_script_is_noticed(upsert: Run, client: Client, wire: Wire) -> None:
    assert upsert().code == 0
    script = deployed.scripts(described(client)["PipelineDefinition"])[0]
    client("s3").put_object(Bucket=BUCKET, Key=script.key, Body=b"print('other')")
    wire.clear()
    result = upsert()
    assert result.code == 1
    assert f"{script.uri} was overwritten" in result.err
    assert wire.mutations == []
    assert (
        client("s3").get_object(Bucket=BUCKET, Key=script.key)["Body"].read().startswith(b"print")
    )


def test_a_script_copied_without_its_checksum_is_recognized(
    upsert: Run, client: Client, wire: Wire
) -> None:
    assert upsert().code == 0
    s3 = client("s3")
    for script in deployed.scripts(described(client)["PipelineDefinition"]):
        data = s3.get_object(Bucket=BUCKET, Key=script.key)["Body"].read()
        s3.put_object(Bucket=BUCKET, Key=script.key, Body=data, ChecksumAlgorithm="CRC32")
    wire.clear()
    assert upsert("--dry-run").code == 0
    assert "s3:GetObject" in wire.operations


def test_somebody_uploads_the_same_script_meanwhile(
    upsert: Run, client: Client, wire: Wire
) -> None:
    def meddle(_: int, call: Call) -> None:
        if call.operation == "s3:PutObject" and not done:
            done.append(call)
            client("s3").put_object(
                Bucket=BUCKET, Key=call.path.removeprefix(f"/{BUCKET}/"), Body=_plain(call.body)
            )

    done: list[Call] = []
    with wire.tap(meddle):
        result = upsert()
    assert done
    assert result.code == 0, result.err
    assert upsert("--dry-run").code == 0


def test_somebody_uploads_another_script_under_the_key(
    upsert: Run, client: Client, wire: Wire
) -> None:
    def meddle(_: int, call: Call) -> None:
        if call.operation == "s3:PutObject" and not done:
            done.append(call)
            key = call.path.removeprefix(f"/{BUCKET}/")
            client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"evil")

    done: list[Call] = []
    with wire.tap(meddle):
        result = upsert()
    assert result.code == 1
    assert "was overwritten" in result.err
    assert "sagemaker:CreatePipeline" not in wire.operations


def _plain(body: bytes) -> bytes:
    """Undoes the aws-chunked encoding, if the client used it."""
    head, separator, rest = body.partition(b"\r\n")
    if not separator or len(head) > 8:
        return body
    return rest[: int(head, 16)]


@pytest.mark.parametrize("when", ["s3:PutObject", "sagemaker:DescribePipeline"])
def test_someone_elses_change_is_refused(
    upsert: Run, client: Client, wire: Wire, changed_code: Callable[[], None], when: str
) -> None:
    """Before the first write, and again when the uploads are done."""
    assert upsert().code == 0
    changed_code()
    wire.clear()
    theirs = '{"Version":"2020-12-01","Steps":[{"Name":"Theirs","Type":"Fail","Arguments":{}}]}'
    seen: list[str] = []

    def meddle(_: int, call: Call) -> None:
        # The second DescribePipeline is the one that looks again.
        seen.append(call.operation)
        if call.operation == when and seen.count(when) == (1 if when.startswith("s3") else 2):
            client("sagemaker").update_pipeline(PipelineName="tables", PipelineDefinition=theirs)

    with wire.tap(meddle):
        result = upsert()
    assert result.code == 1
    assert "was changed by someone since the plan was made" in result.err
    assert "--force" in result.err
    assert described(client)["PipelineDefinition"] == theirs
    # One update: theirs.
    assert wire.operations.count("sagemaker:UpdatePipeline") == 1
    assert ("s3:PutObject" in wire.operations) == (when == "s3:PutObject")


def test_force_goes_over_someone_elses_change(
    upsert: Run, client: Client, wire: Wire, changed_code: Callable[[], None]
) -> None:
    assert upsert().code == 0
    changed_code()
    theirs = '{"Version":"2020-12-01","Steps":[{"Name":"Theirs","Type":"Fail","Arguments":{}}]}'
    done: list[Call] = []

    def meddle(_: int, call: Call) -> None:
        if call.operation == "s3:PutObject" and not done:
            done.append(call)
            client("sagemaker").update_pipeline(PipelineName="tables", PipelineDefinition=theirs)

    with wire.tap(meddle):
        result = upsert("--force")
    assert result.code == 0, result.err
    assert "planning anew" in result.out
    assert "Theirs" not in described(client)["PipelineDefinition"]
    assert listed(client)[0]["PipelineVersionId"] == 3
    assert upsert("--dry-run").code == 0


def test_expect(upsert: Run, client: Client) -> None:
    def steps() -> int:
        return int(described(client)["ParallelismConfiguration"]["MaxParallelExecutionSteps"])

    Path("plan.json").write_text(upsert("--dry-run", "--json").out)
    assert upsert("--expect", "plan.json").code == 0
    Path("plan.json").write_text(upsert("--dry-run", "--json", "--max-parallel-steps", "7").out)
    other = upsert("--expect", "plan.json", "--max-parallel-steps", "8")
    assert other.code == 1
    assert "review this plan" in other.err
    # Something else was deployed since.
    assert upsert("--max-parallel-steps", "2").code == 0
    assert upsert("--expect", "plan.json", "--max-parallel-steps", "7").code == 1
    assert steps() == 2
    assert upsert("--expect", "plan.json", "--max-parallel-steps", "7", "--force").code == 0
    assert steps() == 7


@pytest.mark.parametrize("text", ["", "{}", "[]", "no json"])
def test_expect_what_is_no_plan(upsert: Run, text: str, wire: Wire) -> None:
    Path("plan.json").write_text(text)
    result = upsert("--expect", "plan.json")
    assert result.code == 1
    assert "plan.json is no plan" in result.err
    assert upsert("--expect", "missing.json").code == 1
    assert wire.mutations == []


def test_tags(upsert: Run, client: Client) -> None:
    assert upsert("--tag", "team=ecg", "--tag", "stage=test").code == 0
    arn = described(client)["PipelineArn"]
    client("sagemaker").add_tags(ResourceArn=arn, Tags=[{"Key": "cost", "Value": "42"}])
    result = upsert("--tag", "team=heart")
    assert result.code == 0
    assert "    ~ team: ecg → heart" in result.out
    assert "    - stage: test" in result.out
    # Somebody else's tag is theirs.
    assert tags(client) == {"team": "heart", "cost": "42"}


def test_moving_to_another_alias_leaves_the_first(upsert: Run, client: Client) -> None:
    assert upsert("--alias", "live").code == 0
    result = upsert("--alias", "stable")
    assert result.code == 0
    (version,) = listed(client)
    assert version["PipelineVersionAliases"] == ["live", "stable"]
    assert upsert("--alias", "stable", "--dry-run").code == 0


SCHEDULE = """\
[pipelines.tables.schedule]
expression = "cron(0 6 * * ? *)"
timezone = "Europe/Berlin"
[pipelines.tables.schedule.parameters]
Seed = 7
"""


def schedule(client: Client) -> dict[str, Any]:
    answer: dict[str, Any] = client("scheduler").get_schedule(Name="tables")
    return answer


def test_schedule(upsert: Run, client: Client, wire: Wire) -> None:
    toml(SCHEDULE)
    plan = upsert("--dry-run")
    assert "+ schedule tables" in plan.out
    assert "    + expression: cron(0 6 * * ? *)" in plan.out
    assert "    + parameters: Seed=7" in plan.out
    assert upsert().code == 0
    target = schedule(client)["Target"]
    assert target["Arn"] == described(client)["PipelineArn"]
    assert target["RoleArn"] == SCHEDULER_ROLE
    assert target["SageMakerPipelineParameters"] == {
        "PipelineParameterList": [{"Name": "Seed", "Value": "7"}]
    }
    toml(SCHEDULE.replace("0 6", "30 7"))
    changed = upsert("--dry-run")
    assert changed.code == 2
    assert "    ~ expression: cron(0 6 * * ? *) → cron(30 7 * * ? *)" in changed.out
    wire.clear()
    assert upsert().code == 0
    assert wire.mutations == ["scheduler:UpdateSchedule"]
    assert schedule(client)["ScheduleExpression"] == "cron(30 7 * * ? *)"


def test_a_schedule_that_has_run_its_course_does_not_block_deploying(
    upsert: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = SCHEDULE.replace("cron(0 6 * * ? *)", "at(2190-01-01T00:00:00)")
    toml(once)
    assert upsert().code == 0

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(2191, 1, 1, tzinfo=tz)

    monkeypatch.setattr("sagepipe.deploy.release.datetime", Later)
    assert upsert().code == 0
    toml(once.replace("2190", "2189"))
    result = upsert()
    assert result.code == 1
    assert "that time is past" in result.err


def test_a_paused_schedule_stays_paused(upsert: Run, client: Client) -> None:
    toml(SCHEDULE)
    assert upsert().code == 0
    there = schedule(client)
    names = ("Name", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow")
    client("scheduler").update_schedule(
        **{name: there[name] for name in (*names, "Target")}, State="DISABLED"
    )
    toml(SCHEDULE.replace("0 6", "30 7"))
    assert upsert().code == 0
    assert schedule(client)["State"] == "DISABLED"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("Seed = 7", "Sead = 7", "parameter 'Sead' is not in the definition; did you mean Seed?"),
        ("Seed = 7", 'Seed = "many"', "Seed"),
        ("* * ? *", "* * * *", "put ? in exactly one of them"),
        ("Europe/Berlin", "Europe/Bärlin", "Europe/Berlin"),
    ],
)
def test_a_wrong_schedule_changes_nothing(
    upsert: Run, wire: Wire, before: str, after: str, message: str
) -> None:
    toml(SCHEDULE.replace(before, after))
    result = upsert()
    assert result.code == 1
    assert message in result.err
    assert len(result.err.splitlines()) <= 2
    assert wire.mutations == []


def test_a_schedule_that_pins_a_version(upsert: Run, client: Client, wire: Wire) -> None:
    assert upsert().code == 0
    wire.clear()
    toml(SCHEDULE.replace("timezone", "version = 2\ntimezone"))
    result = upsert()
    assert result.code == 1
    assert "the schedule runs version 2, which doesn't exist" in result.err
    assert wire.mutations == []
    toml(SCHEDULE.replace("timezone", "version = 1\ntimezone"))
    assert upsert().code == 0
    assert json.loads(schedule(client)["Target"]["Input"])["PipelineVersionId"] == 1


class _Terminal:
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("yes", 0), ("n", 1), ("", 1)])
def test_a_person_is_asked(
    upsert: Run, wire: Wire, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal())
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert upsert().code == code
    assert bool(wire.mutations) == (code == 0)


def test_yes_doesnt_ask(upsert: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal())
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("asked"))
    assert upsert("--yes").code == 0
    # Nor is anybody asked about nothing.
    assert upsert().code == 0


def test_in_studio_without_a_word(
    upsert: Run, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_REGION", "PIPELINE_ROLE_ARN", "PIPELINE_ARTIFACT_BUCKET"):
        monkeypatch.delenv(name)
    metadata = tmp_path / "resource-metadata.json"
    metadata.write_text(
        json.dumps(
            {
                "ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:app/d-1/me/JupyterLab/x",
                "DomainId": "d-1",
                "ExecutionRoleArn": ROLE,
            }
        )
    )
    monkeypatch.setattr("sagepipe.aws.studio.METADATA", metadata)
    client("s3").create_bucket(
        Bucket="sagemaker-eu-west-1-123456789012",
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )
    result = upsert()
    assert result.code == 0, result.err
    assert described(client)["RoleArn"] == ROLE
    assert "s3://sagemaker-eu-west-1-123456789012/tables/code/" in result.out


def test_outside_of_git_the_name_is_the_hash_alone(
    upsert: Run, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revision, "find", lambda _: None)
    assert upsert().code == 0
    (version,) = listed(client)
    assert len(version["PipelineVersionDisplayName"]) == 12
    assert version["PipelineVersionDescription"].endswith("; not from a git checkout")
