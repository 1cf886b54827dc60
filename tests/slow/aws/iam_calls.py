"""What goes over the wire, as IAM sees it: actions on resources."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs, unquote

import policies
import wire
from server import ACCOUNT, REGION

# Whose action has another name than the operation.
_ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
}
_FREE = {"sts:GetCallerIdentity"}  # allowed to everybody
_PIPELINES = ("PipelineExecutionArn", "PipelineArn", "ResourceArn", "PipelineName")


def of(calls: Sequence[wire.Call]) -> list[policies.Call]:
    """Each distinct call; what a request implies, such as passing a role, included."""
    return list(dict.fromkeys(one for call in calls for one in _one(call)))


def _one(call: wire.Call) -> Iterator[policies.Call]:
    if call.operation in _FREE:
        return
    service = call.operation.partition(":")[0]
    action = _ACTIONS.get(call.operation, call.operation)
    if service == "s3":
        for resource in _objects(call, action):
            yield policies.Call(action, resource)
        return
    if service == "scheduler":
        name = unquote(call.path.rpartition("/")[2])
        yield policies.Call(action, _arn("scheduler", f"schedule/default/{name}"))
        role = json.loads(call.body or b"{}").get("Target", {}).get("RoleArn")
        yield from _passing(role, "scheduler.amazonaws.com")
        return
    if service == "iam":
        (name,) = parse_qs(call.body.decode())["RoleName"]
        yield policies.Call(action, f"arn:aws:iam::{ACCOUNT}:role/{name}")
        return
    body = json.loads(call.body)
    if service == "events":
        yield policies.Call(action, _arn("events", f"rule/{body.get('Name') or body['Rule']}"))
        for target in body.get("Targets", []):
            yield from _passing(target["RoleArn"], "events.amazonaws.com")
    elif service == "logs":
        yield policies.Call(action, _arn("logs", f"log-group:{body['logGroupName']}:log-stream:x"))
    else:
        resource = _of_sagemaker(body)
        yield policies.Call(action, resource)
        yield from _passing(body.get("RoleArn"), "sagemaker.amazonaws.com")
        if body.get("Tags") and action != "sagemaker:AddTags":
            yield policies.Call("sagemaker:AddTags", resource)


def _objects(call: wire.Call, action: str) -> Iterator[str]:
    bucket, _, key = unquote(call.path).strip("/").partition("/")
    if call.operation == "s3:DeleteObjects":
        for part in call.body.decode().split("<Key>")[1:]:
            yield f"arn:aws:s3:::{bucket}/{part.partition('</Key>')[0]}"
    else:
        yield f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _of_sagemaker(body: dict[str, str]) -> str:
    if "ProcessingJobName" in body:
        return _arn("sagemaker", f"processing-job/{body['ProcessingJobName']}")
    name = next((body[member] for member in _PIPELINES if member in body), "*")
    if name == "*" or name.startswith("arn:"):
        return name
    return _arn("sagemaker", f"pipeline/{name}")


def _passing(role: str | None, service: str) -> Iterator[policies.Call]:
    if role:
        yield policies.Call("iam:PassRole", role, (("iam:PassedToService", service),))


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"
