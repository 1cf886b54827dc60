"""What a SageMaker Studio terminal knows by itself: region, account and execution role."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from sagepipe.aws import boto
from sagepipe.errors import AwsError

# Studio and notebook instances write it; the SageMaker SDK reads it too.
METADATA = Path("/opt/ml/metadata/resource-metadata.json")

_RESOURCE = re.compile(r"arn:aws[a-z\-]*:sagemaker:([a-z0-9\-]+):(\d{12}):.+")
_ASSUMED = re.compile(r"arn:(aws[a-z\-]*):sts::(\d{12}):assumed-role/([^/]+)/.+")


@dataclass(frozen=True)
class Studio:
    """Where a Studio terminal runs. `role_arn` is None where the metadata doesn't name it."""

    region: str
    account: str
    role_arn: str | None

    def bucket(self, region: str) -> str:
        """The bucket that SageMaker's tools take by default."""
        return f"sagemaker-{region}-{self.account}"


def find() -> Studio | None:
    """The Studio app or notebook instance that this is, or None if it is neither."""
    try:
        metadata = json.loads(METADATA.read_text(encoding="utf-8"))
        resource = _RESOURCE.fullmatch(str(metadata["ResourceArn"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not resource:
        return None
    role = metadata.get("ExecutionRoleArn")
    return Studio(resource[1], resource[2], str(role) if role else None)


def domain() -> str:
    """The Studio domain that this runs in, or ""."""
    try:
        found = json.loads(METADATA.read_text(encoding="utf-8")).get("DomainId")
    except (OSError, ValueError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""


def assumed_role(region: str) -> str | None:
    """The role whose credentials are in use, or None if they aren't a role's.

    An assumed role's ARN lacks the role's path, which only IAM knows. Without permission to ask,
    the path is taken to be the one that Studio's set-up gives its own roles. Raises `AwsError`.
    """
    with boto.calls("find out whose credentials these are"):
        identity = boto.client("sts", region).get_caller_identity()
    assumed = _ASSUMED.fullmatch(identity["Arn"])
    if not assumed:
        return None
    partition, account, name = assumed.groups()
    try:
        with boto.calls(f"look up role {name}"):
            return str(boto.client("iam", region).get_role(RoleName=name)["Role"]["Arn"])
    except AwsError as error:
        if not boto.is_denied(error):
            raise
    path = "service-role/" if name.startswith("AmazonSageMaker-ExecutionRole") else ""
    return f"arn:{partition}:iam::{account}:role/{path}{name}"
