"""What can go wrong with an upsert: a line or two, exit code 1, nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tables
from command_result import Result, Run
from server import ACCOUNT, BUCKET, REGION, ROLE
from wire import Fault, Wire

from sagepipe import Build
from sagepipe.aws import boto

Client = Callable[[str], Any]


def check(result: Result, wire: Wire, *parts: str) -> None:
    """One or two lines with these parts, exit code 1, and not one mutating call."""
    assert result.code == 1
    assert 1 <= len(result.err.splitlines()) <= 2, result.err
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err
    for part in parts:
        assert part in result.err
    assert wire.mutations == []


def fault(code: str, message: str = "injected", status: int = 400, only: str = "") -> Fault:
    return Fault(lambda _, call: call.operation.startswith(only), code, False, message, status)


def test_no_such_role(upsert: Run, wire: Wire) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/missing"
    check(upsert("--role-arn", role), wire, f"there is no role {role}", "--role-arn")


def test_a_role_with_another_path(upsert: Run, wire: Wire) -> None:
    role = ROLE.replace("role/", "role/service-role/")
    check(upsert("--role-arn", role), wire, f"there is no role {role}, but there is {ROLE}")


def test_a_role_of_another_account(upsert: Run, wire: Wire) -> None:
    role = "arn:aws:iam::999999999999:role/ecg"
    check(upsert("--role-arn", role), wire, "belongs to account 999999999999", "AWS_PROFILE")


def test_a_role_that_sagemaker_may_not_assume(upsert: Run, wire: Wire) -> None:
    role = ROLE.replace("execution", "scheduler")
    check(upsert("--role-arn", role), wire, "can't be assumed by sagemaker.amazonaws.com", "trust")


def test_a_role_that_is_no_role(upsert: Run, wire: Wire) -> None:
    result = upsert("--role-arn", "ecg-execution")
    check(result, wire, "arn:aws:iam::123456789012:role/name", "it comes from --role-arn")


def test_a_role_that_may_not_be_looked_at_is_noted(upsert: Run, wire: Wire) -> None:
    with wire.fault(fault("AccessDenied", status=403, only="iam:GetRole")):
        result = upsert()
    assert result.code == 0
    assert "note: role ecg-execution was not checked: these credentials lack iam:" in result.out


def test_a_bucket_in_another_region(upsert: Run, wire: Wire) -> None:
    result = upsert("--region", "us-west-2")
    check(result, wire, f"bucket {BUCKET} is in {REGION}", "us-west-2", "--region")


def test_no_such_bucket(upsert: Run, wire: Wire) -> None:
    result = upsert("--artifact-bucket", "missing-bucket")
    check(result, wire, "there is no bucket missing-bucket", "--artifact-bucket")


def test_a_region_that_there_is_not(upsert: Run, wire: Wire) -> None:
    check(upsert("--region", "eu-nowhere-9"), wire, "eu-nowhere-9", "region")


def test_a_malformed_region(upsert: Run, wire: Wire) -> None:
    check(upsert("--region", "Ireland"), wire, "'Ireland'", "eu-west-1", "from --region")


def test_no_answer(upsert: Run, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    check(upsert(), wire, "Could not connect", "check the region, the network", "AWS_ENDPOINT_URL")


def test_no_credentials(upsert: Run, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    check(upsert(), wire, "no AWS credentials were found", "AWS_PROFILE")
    assert wire.calls == []


def test_half_credentials(upsert: Run, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    check(upsert(), wire, "credentials are incomplete")


def test_no_such_profile(upsert: Run, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    check(upsert(), wire, "there is no such profile", "AWS_PROFILE")


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("ExpiredToken", ("have expired", "aws sso login")),
        ("ExpiredTokenException", ("have expired",)),
        ("InvalidClientTokenId", ("AWS doesn't know these credentials",)),
        ("SignatureDoesNotMatch", ("AWS doesn't know these credentials",)),
        ("RequestTimeTooSkewed", ("clock",)),
        ("Throttling", ("throttling", "wait a minute and run it again")),
        ("InternalFailure", ("fault on its side", "run it again")),
    ],
)
def test_credentials_and_service(
    upsert: Run, wire: Wire, code: str, parts: tuple[str, ...]
) -> None:
    with wire.fault(fault(code)):
        check(upsert(), wire, "can't find out whose credentials these are", *parts)


@pytest.mark.parametrize("code", ["ThrottlingException", "ExpiredTokenException"])
@pytest.mark.parametrize(
    "operation",
    ["sagemaker:DescribePipeline", "sagemaker:ListPipelineVersions", "sagemaker:ListTags"],
)
def test_at_any_reading_call(upsert: Run, wire: Wire, code: str, operation: str) -> None:
    assert upsert().code == 0
    wire.clear()
    with wire.fault(fault(code, only=operation)):
        check(upsert(), wire, "tables", "run it again" if "Throttl" in code else "expired")


@pytest.mark.parametrize("operation", ["CreatePipeline", "UpdatePipelineVersion"])
def test_access_denied_names_the_action_and_whom(upsert: Run, wire: Wire, operation: str) -> None:
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/dev/me"
    message = (
        f"User: {who} is not authorized to perform: sagemaker:{operation} on resource: "
        "arn:aws:sagemaker:eu-west-1:1:pipeline/tables because no identity-based policy allows "
        f"the sagemaker:{operation} action"
    )
    with wire.fault(fault("AccessDeniedException", message, only=f"sagemaker:{operation}")):
        result = upsert()
    assert result.code == 1
    (line,) = result.err.splitlines()
    assert f"sagemaker:{operation} is not allowed because no identity-based policy" in line
    assert line.endswith(f"have it allowed for {who}")


def test_s3_names_no_action_so_we_do(upsert: Run, wire: Wire) -> None:
    with wire.fault(fault("AccessDenied", "Access Denied", 403, "s3:PutObject")):
        result = upsert()
    assert result.code == 1
    assert "can't upload s3://ecg-artifacts/" in result.err
    assert "PutObject is not allowed" in result.err


def test_what_the_service_refuses(upsert: Run, wire: Wire) -> None:
    refusal = "RoleArn: Cross-account pass role is not allowed."
    with wire.fault(fault("ValidationException", refusal, only="sagemaker:CreatePipeline")):
        result = upsert()
    assert result.code == 1
    assert result.err == (
        f"error: can't create pipeline tables: the service refuses it: {refusal}\n"
    )
    assert "sagemaker:UpdatePipelineVersion" not in wire.operations


def test_too_many_pipelines(upsert: Run, wire: Wire) -> None:
    limit = "The account-level service limit is 500."
    with wire.fault(fault("ResourceLimitExceeded", limit, only="sagemaker:CreatePipeline")):
        result = upsert()
    assert result.code == 1
    assert "ask for more in Service Quotas" in result.err


def test_a_definition_over_the_limits(upsert: Run, wire: Wire, checkout: Any) -> None:
    def too_long(given: Build) -> Any:
        members = tables.build(given)
        members["Parameters"][0]["Description"] = "x" * 1_100_000
        return members

    checkout.project = tables.project(build=too_long)
    check(upsert(), wire, "characters; at most 1048576 are taken")


def test_a_pipeline_that_is_being_deleted(
    upsert: Run, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upsert().code == 0
    wire.clear()
    from moto.sagemaker.models import sagemaker_backends

    sagemaker_backends[ACCOUNT][REGION].pipelines["tables"].pipeline_status = "Deleting"
    check(upsert(), wire, "pipeline tables is being deleted")


def test_a_missing_script(upsert: Run, wire: Wire, checkout: Any, tmp_path: Path) -> None:
    checkout.project = tables.project(tmp_path / "nothing")
    check(upsert(), wire, "clean.py is missing")


def test_ctrl_c(upsert: Run, checkout: Any) -> None:
    def interrupt(_: Build) -> Any:
        raise KeyboardInterrupt

    checkout.project = tables.project(build=interrupt)
    result = upsert()
    assert result.code == 130
    assert result.err == "interrupted: run it again to finish what was begun\n"


def test_our_own_bugs_keep_their_traceback() -> None:
    from botocore.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError), boto.calls("do something"):
        boto.client("sagemaker", REGION).describe_pipeline(Name="no such member")


def test_long_messages_are_cut() -> None:
    from botocore.exceptions import ClientError

    from sagepipe.errors import AwsError

    error = ClientError({"Error": {"Code": "Odd", "Message": "long\n" * 500}}, "DescribePipeline")
    with (
        pytest.raises(AwsError, match=r"can't do it: Odd: long long") as caught,
        boto.calls("do it"),
    ):
        raise error
    assert len(str(caught.value)) < 350
    assert "\n" not in str(caught.value)
    assert caught.value.code == "Odd"
