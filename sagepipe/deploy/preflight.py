"""What reading alone can tell to be wrong, so that nothing is written before it is put right.

The service itself finds a wrong role only when the pipeline is written, or when its first job
starts; by then the scripts are uploaded.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagepipe.aws import boto
from sagepipe.errors import AwsError, SettingsError

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client

_ROLE = re.compile(r"arn:aws[a-z\-]*:iam::(\d{12}):role/(?:.*/)?([^/]+)")


@dataclass(frozen=True)
class Account:
    """Whose credentials are in use: the account, and the partition that it is in."""

    number: str
    partition: str

    def pipeline_arn(self, region: str, name: str) -> str:
        """The ARN that a pipeline which doesn't exist yet will have."""
        return f"arn:{self.partition}:sagemaker:{region}:{self.number}:pipeline/{name}"


def account(region: str) -> Account:
    """Raises `AwsError` for credentials that are missing, wrong or expired."""
    identity = boto.identity(region)
    return Account(identity.account, identity.partition)


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
            f"check {option} and AWS_PROFILE",
            mend=f"AWS_PROFILE=PROFILE_OF_{number} sagepipe doctor",
        )
    try:
        with boto.calls(f"look up role {name}"):
            role = iam.get_role(RoleName=name)["Role"]
    except AwsError as error:
        if error.code in ("NoSuchEntity", "NoSuchEntityException"):
            raise SettingsError(
                f"there is no role {arn}; check {option}", mend=_making(name, service)
            ) from error
        if boto.is_denied(error):
            return f"role {name} was not checked: these credentials lack iam:GetRole"
        raise
    if role["Arn"] != arn:
        raise SettingsError(
            f"there is no role {arn}, but there is {role['Arn']}; check {option}",
            mend=f"sagepipe upsert {option} {role['Arn']}",
        )
    principal = f"{service}.amazonaws.com"
    policy: Any = role["AssumeRolePolicyDocument"]  # botocore has decoded it
    if not _trusts(policy, principal, here.number):
        raise SettingsError(
            f"role {name} can't be assumed by {principal}; check {option}, or let the role's trust "
            "policy allow it",
            mend=f"aws iam update-assume-role-policy --role-name {name} "
            f"--policy-document {_trust(principal)}",
        )
    return None


def _making(role: str, service: str) -> str:
    return (
        f"aws iam create-role --role-name {role} "
        f"--assume-role-policy-document {_trust(f'{service}.amazonaws.com')}"
    )


def _trust(principal: str) -> str:
    """A trust policy for a service, as a word of a command line."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": principal},
        "Action": "sts:AssumeRole",
    }
    return shlex.quote(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def check_bucket(s3: S3Client, bucket: str, region: str, option: str = "--artifact-bucket") -> None:
    """That the bucket, which `option` gives, exists in the pipeline's region and is this account's.

    Raises `SettingsError`, `AwsError`.
    """
    try:
        with boto.calls(f"look for bucket {bucket}"):
            answer = s3.head_bucket(Bucket=bucket)
    except AwsError as error:
        if error.code in ("404", "NoSuchBucket"):
            mend = f"aws s3 mb s3://{bucket} --region {region}"
            raise SettingsError(
                f"there is no bucket {bucket}; check {option}, or make it: {mend}", mend=mend
            ) from error
        if error.code in ("301", "400"):
            raise SettingsError(
                f"bucket {bucket} is not in {region}; check --region and {option}",
                mend=_copying(bucket, region),
            ) from error
        if error.code == "403":
            raise SettingsError(
                f"bucket {bucket} belongs to another account, or these credentials may not look at "
                f"it (s3:ListBucket); check {option}, and who made the bucket",
                mend=f"aws s3api head-bucket --bucket {bucket}",
            ) from error
        raise
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    found = answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or region
    if found != region:
        raise SettingsError(
            f"bucket {bucket} is in {found}, but the pipeline in {region}, and jobs read in their "
            f"own region only; check --region and {option}",
            mend=_copying(bucket, region),
        )


def _copying(bucket: str, region: str) -> str:
    """To have the content where the pipeline is."""
    there = f"s3://{bucket}-{region}"
    return f"aws s3 mb {there} --region {region} && aws s3 sync s3://{bucket} {there}"


def _trusts(policy: Mapping[str, Any], principal: str, account: str) -> bool:
    """Whether a statement lets the service assume the role for this account.

    Other conditions than on the account are left to IAM.
    """
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
            and not _for_another(statement, account)
        ):
            return True
    return False


def _for_another(statement: Mapping[str, Any], account: str) -> bool:
    """Whether the statement holds for calls on behalf of other accounts only."""
    accounts = [
        value
        for operator, keys in (statement.get("Condition") or {}).items()
        if operator in ("StringEquals", "StringLike")
        for key, value in keys.items()
        if key.lower() == "aws:sourceaccount"
    ]
    wanted = [one if isinstance(one, list) else [one] for one in accounts]
    return any(account not in each and "*" not in each for each in wanted)
