"""Roles that can be assumed, buckets that are there."""

from __future__ import annotations

from collections.abc import Iterator

from sagepipe.deploy import preflight
from sagepipe.doctor.case import Case
from sagepipe.doctor.findings import Finding, check
from sagepipe.errors import SettingsError


@check()
def roles(case: Case) -> Iterator[Finding]:
    """The roles of the pipeline and its jobs: SageMaker may assume them."""
    own = [case.deployment.settings.role_arn] if case.deployment else []
    for role in dict.fromkeys([*own, *case.job_roles]):
        yield from role_findings(case, role, "sagemaker", "--role-arn")


def role_findings(case: Case, role: str, service: str, option: str) -> Iterator[Finding]:
    """What is wrong with a role that a service should assume."""
    try:
        note = preflight.check_role(case.client("iam"), case.account, role, service, option)
    except SettingsError as error:
        yield Finding("stops", f"role {role.rpartition('/')[2]}", str(error), error.mend)
    else:
        if note:
            yield Finding("unknown", f"role {role.rpartition('/')[2]}", note)


@check()
def buckets(case: Case) -> Iterator[Finding]:
    """The buckets of scripts, inputs and outputs: there, in the region, this account's."""
    options: dict[str, str] = {}
    if case.deployment:
        options[case.deployment.settings.artifact_bucket] = "--artifact-bucket"
    for channel in (*case.outputs, *case.data):
        options.setdefault(channel.where.bucket, f"the bucket of {channel.step}'s {channel.name}")
    outside = {one.where.bucket for one in case.data} - {one.where.bucket for one in case.outputs}
    for bucket, option in options.items():
        try:
            preflight.check_bucket(case.client("s3"), bucket, case.region, option)
        except SettingsError as error:
            if bucket in outside and option != "--artifact-bucket" and _may_be_seen(case, bucket):
                yield Finding(
                    "warns",
                    f"bucket {bucket}",
                    f"belongs to another account; make sure that it is meant: {error}",
                    error.mend,
                )
            else:
                yield Finding("stops", f"bucket {bucket}", str(error), error.mend)


def _may_be_seen(case: Case, bucket: str) -> bool:
    """Whether it is there and readable, whoever owns it: data may rightly be another account's."""
    try:
        preflight.check_bucket(case.client("s3", owned=False), bucket, case.region)
    except SettingsError:
        return False
    return True
