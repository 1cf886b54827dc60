"""What the jobs' roles may do, asked of IAM's own simulator.

The simulator knows the role's policies and boundary. It doesn't know policies of buckets and keys
that belong to another account.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagepipe.aws import boto
from sagepipe.doctor.case import Case
from sagepipe.doctor.findings import Finding, Severity, check
from sagepipe.doctor.keys import OUTPUT_KEY, VOLUME_KEY
from sagepipe.errors import AwsError
from sagepipe.language.foreseen import Channel, Foreseen
from sagepipe.language.s3 import Location

_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")


@dataclass(frozen=True)
class Need:
    """Actions that a role needs on resources; `context` has the condition keys of the call."""

    name: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: tuple[tuple[str, str], ...] = ()
    severity: Severity = "stops"


@dataclass(frozen=True)
class _Verdict:
    """On one action and one resource; `depends` has condition keys that the call didn't give."""

    action: str
    resource: str
    decision: str
    depends: tuple[str, ...]


@check()
def permissions(case: Case) -> Iterator[Finding]:
    """The roles may read and write where parameters say, run jobs, and pull the images."""
    needs = [(role, need) for role, jobs in case.job_roles.items() for need in _of_jobs(case, jobs)]
    if case.deployment:
        needs += [(case.deployment.settings.role_arn, need) for need in _of_pipeline(case)]
    for role, need in needs:
        yield from missing(case, role, need)


def missing(case: Case, role: str, need: Need) -> Iterator[Finding]:
    """What IAM's simulator refuses of a need; nothing for a role that isn't there or is another
    account's, which the check of roles tells. Raises `AwsError`."""
    iam, name = case.client("iam"), role.rpartition("/")[2]
    if role.split(":")[4:5] != [case.account.number]:
        return
    try:
        results = _simulated(iam, role, need)
    except AwsError as error:
        if error.code not in ("NoSuchEntity", "NoSuchEntityException"):
            raise
        return
    refused = [one for one in results if one.decision != "allowed"]
    if not refused:
        return
    depends = sorted({key for one in refused for key in one.depends})
    actions = sorted({one.action for one in refused})
    resources = sorted({one.resource for one in refused})
    what = f"may not {', '.join(actions)} on {', '.join(resources)}"
    if depends:
        what += f", or only under a condition on {', '.join(depends)}, which isn't known here"
    if any(one.decision == "explicitDeny" for one in refused):
        what += "; a policy denies it, which no other can allow"
    yield Finding(
        "unknown" if depends else need.severity,
        f"role {name}",
        what,
        f"aws iam put-role-policy --role-name {name} --policy-name {need.name} "
        f"--policy-document {_policy(actions, resources)}",
    )


def _simulated(iam: Any, role: str, need: Need) -> list[_Verdict]:
    name = role.rpartition("/")[2]
    with boto.calls(f"find out what role {name} may do (iam:SimulatePrincipalPolicy)"):
        pages = iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=role,
            ActionNames=list(need.actions),
            ResourceArns=list(need.resources),
            ContextEntries=[
                {
                    "ContextKeyName": key,
                    "ContextKeyValues": [value],
                    "ContextKeyType": "boolean" if value in ("true", "false") else "string",
                }
                for key, value in need.context
            ],
        )
        return [one for page in pages for each in page["EvaluationResults"] for one in _read(each)]


def _read(result: Mapping[str, Any]) -> Iterator[_Verdict]:
    """The verdicts of an action; of several resources, each has its own inside."""
    action = result["EvalActionName"]
    for one in result.get("ResourceSpecificResults") or [result]:
        yield _Verdict(
            action,
            one.get("EvalResourceName", "*"),
            one.get("EvalResourceDecision") or one["EvalDecision"],
            tuple(one.get("MissingContextValues") or ()),
        )


def _of_jobs(case: Case, jobs: tuple[Foreseen, ...]) -> Iterator[Need]:
    s3 = f"arn:{case.account.partition}:s3:::"
    reads = {str(one.where): one for job in jobs for one in job.inputs if one.whole}
    # their folder: the next script has another hash, and so another key
    scripts = {
        f"{s3}{uri.removeprefix('s3://').rpartition('/code/')[0]}/code/*"
        for uri in reads
        if uri in case.scripts
    }
    data = [one.where for uri, one in reads.items() if uri not in case.scripts]
    folders = [f"{s3}{one.bucket}/{one.key.rstrip('/')}/*" for one in data]
    if scripts or folders:
        yield Need("read-inputs", ("s3:GetObject",), (*sorted(scripts), *folders))
    # an input is a prefix, a script's too: what is there is listed before it is read
    for index, one in enumerate((*data, *_first_of_each_bucket(reads, case.scripts))):
        prefix = (("s3:prefix", one.key),)
        yield Need(f"list-input-{index + 1}", ("s3:ListBucket",), (f"{s3}{one.bucket}",), prefix)
    writes = {f"{s3}{one.where.bucket}/{one.where.key}*" for job in jobs for one in job.outputs}
    if writes:
        yield Need("write-outputs", ("s3:PutObject",), tuple(sorted(writes)))
    read_again = sorted(
        f"{s3}{one.where.bucket}/{one.where.key}*"
        for name in {target for job in jobs for target in case.definition.steps[job.step].waits_for}
        for one in case.written_by(name)
    )
    if read_again:
        yield Need("read-outputs", ("s3:GetObject",), tuple(dict.fromkeys(read_again)))
    repositories = {arn for job in jobs if (arn := _repository(case, job.image))}
    if repositories:
        yield Need("pull-images", _PULL, tuple(sorted(repositories)))
        yield Need("registry-login", ("ecr:GetAuthorizationToken",), ("*",))
    logs = _arn(case, "logs", "log-group:/aws/sagemaker/ProcessingJobs:log-stream:*")
    yield Need("logs", _LOGS, (logs,), severity="warns")
    yield from _of_keys(jobs)
    if any(job.get("NetworkConfig", "VpcConfig") for job in jobs):
        looks = ("DescribeDhcpOptions", "DescribeNetworkInterfaces", "DescribeSecurityGroups",
                 "DescribeSubnets", "DescribeVpcs")  # fmt: skip
        yield Need("network", tuple(f"ec2:{one}" for one in looks), ("*",))


def _of_keys(jobs: tuple[Foreseen, ...]) -> Iterator[Need]:
    """Keys that are given by their ARN; of others, IAM's simulator can't be asked."""

    def arns(*path: str) -> tuple[str, ...]:
        found = {str(value) for job in jobs if (value := job.get(*path))}
        return tuple(sorted(one for one in found if ":key/" in one))

    if outputs := arns(*OUTPUT_KEY):
        yield Need("output-key", ("kms:Decrypt", "kms:GenerateDataKey"), outputs)
    if volumes := arns(*VOLUME_KEY):
        granted = (("kms:GrantIsForAWSResource", "true"),)
        yield Need("volume-key", ("kms:CreateGrant",), volumes, granted)


def _first_of_each_bucket(
    reads: Mapping[str, Channel], scripts: frozenset[str]
) -> Iterator[Location]:
    found = {one.where.bucket: one.where for uri, one in reads.items() if uri in scripts}
    yield from found.values()


def _of_pipeline(case: Case) -> Iterator[Need]:
    """What the pipeline does itself: make jobs, and give them their roles."""
    run = ("sagemaker:AddTags", "sagemaker:CreateProcessingJob", "sagemaker:DescribeProcessingJob")
    yield Need("run-jobs", run, (_arn(case, "sagemaker", "processing-job/pipelines-*"),))
    to_sagemaker = (("iam:PassedToService", "sagemaker.amazonaws.com"),)
    yield Need("pass-roles", ("iam:PassRole",), tuple(case.job_roles), to_sagemaker)


def _arn(case: Case, service: str, resource: str) -> str:
    here = case.account
    return f"arn:{here.partition}:{service}:{case.region}:{here.number}:{resource}"


def _repository(case: Case, image: str | None) -> str | None:
    from sagepipe.doctor.images import Image

    found = Image.parse(image or "")
    if found is None:
        return None
    where = f"{found.region}:{found.account}:repository/{found.repository}"
    return f"arn:{case.account.partition}:ecr:{where}"


def _policy(actions: list[str], resources: list[str]) -> str:
    statement: Mapping[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return shlex.quote(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
