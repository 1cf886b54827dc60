"""What reading alone can tell to be wrong, so that nothing is written before it is put right.

The service itself finds a wrong role only when the pipeline is written, or when its first job
starts; by then the scripts are uploaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagepipe.aws import boto
from sagepipe.errors import AwsError, SettingsError

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

_ROLE = re.compile(r"arn:aws[a-z\-]*:iam::(\d{12}):role/(?:.*/)?([^/]+)")


@dataclass(frozen=True)
class Account:
    """Whose credentials are in use: the account, and the partition that it is in."""

    number: str
    partition: str

    def pipeline_arn(self, region: str, name: str) -> str:
        """The ARN that a pipeline which doesn't exist yet will have."""
        return f"arn:{self.partition}:sagemaker:{region}:{self.number}:pipeline/{name}"


def account(sts: STSClient) -> Account:
    """Raises `AwsError` for credentials that are missing, wrong or expired."""
    with boto.calls("find out whose credentials these are"):
        identity = sts.get_caller_identity()
    return Account(identity["Account"], identity["Arn"].split(":")[1])


def check_role(iam: IAMClient, here: Account, arn: str, service: str, option: str) -> str | None:
    """That `service` (such as "sagemaker") may assume the role, which `option` gives.

    Returns a note if the credentials may not look at roles. Raises `SettingsError`, `AwsError`.
    """
    match = _ROLE.fullmatch(arn)
    if not match:
        raise SettingsError(f"{arn!r} is no role's ARN; check {option}")
    number, name = match.groups()
    if number != here.number:
        raise SettingsError(
            f"role {arn} belongs to account {number}, but these credentials to {here.number}; "
            f"check {option} and AWS_PROFILE"
        )
    try:
        with boto.calls(f"look up role {name}"):
            role = iam.get_role(RoleName=name)["Role"]
    except AwsError as error:
        if error.code in ("NoSuchEntity", "NoSuchEntityException"):
            raise SettingsError(f"there is no role {arn}; check {option}") from error
        if boto.is_denied(error):
            return f"role {name} was not checked: these credentials lack iam:GetRole"
        raise
    if role["Arn"] != arn:
        raise SettingsError(f"there is no role {arn}, but there is {role['Arn']}; check {option}")
    principal = f"{service}.amazonaws.com"
    policy: Any = role["AssumeRolePolicyDocument"]  # botocore has decoded it
    if not _trusts(policy, principal):
        raise SettingsError(
            f"role {name} can't be assumed by {principal}; check {option}, or let the role's trust "
            "policy allow it"
        )
    return None


def check_bucket(s3: S3Client, bucket: str, region: str) -> None:
    """That the bucket exists, in the pipeline's region. Raises `SettingsError`, `AwsError`."""
    try:
        with boto.calls(f"look for bucket {bucket}"):
            answer = s3.head_bucket(Bucket=bucket)
    except AwsError as error:
        if error.code in ("404", "NoSuchBucket"):
            raise SettingsError(
                f"there is no bucket {bucket}; check --artifact-bucket, or make it with "
                "infra/bootstrap.yaml"
            ) from error
        if error.code in ("301", "400"):
            raise SettingsError(
                f"bucket {bucket} is not in {region}; check --region and --artifact-bucket"
            ) from error
        raise
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    found = answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or region
    if found != region:
        raise SettingsError(
            f"bucket {bucket} is in {found}, but the pipeline in {region}, and jobs read in their "
            "own region only; check --region and --artifact-bucket"
        )


def _trusts(policy: Mapping[str, Any], principal: str) -> bool:
    """Whether a statement lets the service assume the role; conditions are left to IAM."""
    statements = policy.get("Statement", [])
    for statement in [statements] if isinstance(statements, Mapping) else statements:
        principals = statement.get("Principal")
        services = principals.get("Service", []) if isinstance(principals, Mapping) else principals
        actions = statement.get("Action", [])
        if (
            statement.get("Effect") == "Allow"
            and principal in ([services] if isinstance(services, str) else services or [])
            and {"sts:AssumeRole", "sts:*", "*"}
            & set([actions] if isinstance(actions, str) else actions)
        ):
            return True
    return False
