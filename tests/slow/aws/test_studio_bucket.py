"""Studio's default bucket: offered to be made where it is missing, and nobody else's is taken."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_result import Result, Run
from server import ACCOUNT, REGION, ROLE
from wire import Fault, Wire

BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"


class _Terminal:
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def studio(account: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "PIPELINE_ROLE_ARN", "PIPELINE_ARTIFACT_BUCKET"):
        monkeypatch.delenv(name)
    metadata = tmp_path / "resource-metadata.json"
    resource = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:app/d-1/me/JupyterLab/x"
    metadata.write_text(json.dumps({"ResourceArn": resource, "ExecutionRoleArn": ROLE}))
    monkeypatch.setattr("sagepipe.aws.studio.METADATA", metadata)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Sits at the terminal and gives these answers; the questions are what is returned."""

    def give(*texts: str) -> list[str]:
        asked: list[str] = []
        left = iter(texts)

        def answer(question: str) -> str:
            asked.append(question)
            return next(left)

        monkeypatch.setattr(sys, "stdin", _Terminal())
        monkeypatch.setattr("builtins.input", answer)
        return asked

    return give


def buckets(client: Callable[[str], Any]) -> set[str]:
    return {one["Name"] for one in client("s3").list_buckets()["Buckets"]}


def test_it_is_made_if_that_is_wanted(
    upsert: Run, client: Callable[[str], Any], answers: Callable[..., list[str]]
) -> None:
    asked = answers("y", "y")
    result = upsert()
    assert result.code == 0
    assert BUCKET in asked[0]
    assert "doesn't exist; make it in eu-west-1?" in asked[0]
    assert BUCKET in buckets(client)
    assert f"made bucket {BUCKET} in {REGION}" in result.err


def test_it_is_not_made_if_that_is_not_wanted(
    upsert: Run, wire: Wire, answers: Callable[..., list[str]]
) -> None:
    answers("n")
    result = upsert()
    assert result.code == 1
    assert f"aws s3 mb s3://{BUCKET} --region {REGION}" in result.err
    assert wire.mutations == []


def test_yes_makes_it(upsert: Run, client: Callable[[str], Any]) -> None:
    assert upsert("--yes").code == 0
    assert BUCKET in buckets(client)


@pytest.mark.parametrize("option", ["--dry-run", "--json"])
def test_what_asks_nothing_makes_nothing(
    upsert: Run, wire: Wire, answers: Callable[..., list[str]], option: str
) -> None:
    asked = answers()
    result = upsert(option)
    assert result.code == 1
    assert asked == []
    assert f"aws s3 mb s3://{BUCKET}" in result.err
    assert wire.mutations == []


def test_somebody_else_s_is_not_taken(
    upsert: Run, client: Callable[[str], Any], wire: Wire
) -> None:
    client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    wire.clear()
    wire.foreign.add(BUCKET)
    result = upsert("--yes")
    assert result.code == 1
    assert f"bucket {BUCKET} belongs to another account" in result.err
    assert wire.mutations == []


def test_a_name_that_is_taken_meanwhile_is_one_line(upsert: Run, wire: Wire) -> None:
    taken = Fault(
        lambda _, call: call.operation == "s3:CreateBucket", "BucketAlreadyExists", status=409
    )
    with wire.fault(taken):
        result = upsert("--yes")
    assert result.code == 1
    assert result.err.startswith(f"error: can't make bucket {BUCKET}: BucketAlreadyExists")


def test_a_bucket_that_was_given_is_not_offered(upsert: Run, wire: Wire) -> None:
    result = upsert("--yes", "--artifact-bucket", "no-such-bucket")
    assert result.code == 1
    assert wire.mutations == []


def test_doctor_names_the_command(cli: Callable[..., Result]) -> None:
    found = json.loads(cli("doctor", "--json").out)["findings"]
    (one,) = [one for one in found if one["check"] == "buckets"]
    assert one["mend"] == f"aws s3 mb s3://{BUCKET} --region {REGION}"
