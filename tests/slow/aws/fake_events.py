"""Pipelines as targets of EventBridge rules for moto, which knows them as targets of nothing.

A parameter's value that is a path is taken from the event, as the guide to EventBridge's targets
says ("dynamic path parameters"). A rule that is disabled delivers nothing.
"""

from __future__ import annotations

import uuid
from typing import Any

import boto3
from moto.events.models import Rule
from moto.s3.responses import S3Response


def install(url: str) -> None:
    """Lets rules start pipelines of the server at `url`."""
    original = getattr(Rule, "original_send_to_targets", Rule.send_to_targets)

    def send_to_targets(self: Any, event: Any, transform_input: bool = True) -> None:
        pipelines = [one for one in self.targets if ":pipeline/" in one["Arn"]]
        if pipelines and self.state == "ENABLED" and self.event_pattern.matches_event(event):
            for target in pipelines:
                _start(url, target, event)
        elif not pipelines:
            original(self, event, transform_input)

    Rule.original_send_to_targets = original
    Rule.send_to_targets = send_to_targets
    _tell_of_notifications()


def _tell_of_notifications() -> None:
    """moto takes a bucket's EventBridgeConfiguration, but doesn't tell of it."""
    if getattr(S3Response, "tells_of_eventbridge", False):
        return
    original = S3Response.serialized

    def serialized(self: Any, result: Any) -> Any:
        if self.data.get("Action") == "GetBucketNotificationConfiguration":
            found = self.backend.get_bucket_notification_configuration(self.bucket_name)
            if found and found.event_bridge is not None:
                result.result["EventBridgeConfiguration"] = {}
        return original(self, result)

    S3Response.serialized = serialized
    S3Response.tells_of_eventbridge = True


def _start(url: str, target: dict[str, Any], event: dict[str, Any]) -> None:
    arn = target["Arn"]
    session = boto3.Session("testing", "testing", region_name=arn.split(":")[3])
    given = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
    session.client("sagemaker", endpoint_url=url).start_pipeline_execution(
        PipelineName=arn.rpartition("/")[2],
        ClientRequestToken=uuid.uuid4().hex,
        PipelineParameters=[
            {"Name": one["Name"], "Value": _value(one["Value"], event)} for one in given
        ],
    )


def _value(value: str, event: dict[str, Any]) -> str:
    if not value.startswith("$."):
        return value
    found: Any = event
    for name in value.removeprefix("$.").split("."):
        found = found[name]
    return str(found)
