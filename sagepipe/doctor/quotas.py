"""Quotas of instances: those of a fresh account are 0 for most types of processing instances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagepipe.aws import boto
from sagepipe.doctor.case import Case
from sagepipe.doctor.findings import Finding, check

_PER_JOB = "Maximum number of instances per processing job"
_ALL_JOBS = "Number of instances across all processing jobs"
_COUNT = ("ProcessingResources", "ClusterConfig", "InstanceCount")


@check()
def instance_quotas(case: Case) -> Iterator[Finding]:
    """Each processing step's instances are within the quotas."""
    wanted = [(job.step, *job.instances) for job in case.jobs if job.instances]
    if not wanted:
        return
    quotas = _quotas(case)
    for step, type_, count in wanted:
        own = f"{type_} for processing job usage"
        if own not in quotas:
            yield Finding(
                "unknown",
                f"step {step!r}",
                f"Service Quotas has none that is called {own!r}",
                "aws service-quotas list-service-quotas --service-code sagemaker "
                f"--region {case.region}",
            )
        for name in (own, _PER_JOB, _ALL_JOBS):
            if (quota := quotas.get(name)) and quota["Value"] < count:
                what = f"the quota {name!r} is {quota['Value']:g}, and it asks for {count}"
                yield Finding("stops", f"step {step!r}", what, _mend(case, step, quota, count))


def _quotas(case: Case) -> dict[str, Any]:
    """SageMaker's quotas by name: the account's where it has its own, else AWS's defaults."""
    client = case.client("service-quotas")
    found: dict[str, Any] = {}
    with boto.calls("read SageMaker's quotas"):
        for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
            for page in client.get_paginator(operation).paginate(ServiceCode="sagemaker"):
                found |= {quota["QuotaName"]: quota for quota in page["Quotas"]}
    return found


def _mend(case: Case, step: str, quota: Any, count: int) -> str:
    parameter = case.parameter(step, *_COUNT)
    if not quota.get("Adjustable", True) and parameter and quota["Value"] >= 1:
        return f"sagepipe start -p {parameter}={quota['Value']:g}"
    return (
        "aws service-quotas request-service-quota-increase --service-code sagemaker "
        f"--quota-code {quota['QuotaCode']} --desired-value {count} --region {case.region}"
    )
