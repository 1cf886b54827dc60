"""infra/bootstrap.yaml, deployed to the stand-in as far as that can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import policies
from server import REGION, Server

TEMPLATE = Path(__file__).parents[3] / "infra" / "bootstrap.yaml"


@dataclass(frozen=True)
class Stack:
    """A deployed stack: its outputs, the roles' trust and the statements of their policies.

    `managed` has the statements of managed policies, by their names in the template.
    """

    outputs: Mapping[str, str]
    trust: Mapping[str, Any]
    execution: list[Mapping[str, Any]]
    scheduler: list[Mapping[str, Any]]
    managed: Mapping[str, list[Mapping[str, Any]]]


def deploy(server: Server, name: str, parameters: Mapping[str, str]) -> Stack:
    session = boto3.Session("testing", "testing", region_name=REGION)
    cloudformation = session.client("cloudformation", endpoint_url=server.url)
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=TEMPLATE.read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
    )
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    iam = session.client("iam", endpoint_url=server.url)

    def role(output: str) -> tuple[Any, list[Mapping[str, Any]]]:
        role_name = outputs[output].rpartition("/")[2]
        statements: list[Mapping[str, Any]] = []
        for policy in iam.list_role_policies(RoleName=role_name)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role_name, PolicyName=policy)["PolicyDocument"]
            statements += map(policies.without_nothing, document["Statement"])  # type: ignore[arg-type]
        assert not iam.list_attached_role_policies(RoleName=role_name)["AttachedPolicies"]
        trust = iam.get_role(RoleName=role_name)["Role"]["AssumeRolePolicyDocument"]
        return trust, statements

    (trust, execution), (scheduler_trust, scheduler) = role("RoleArn"), role("SchedulerRoleArn")
    managed = {}
    for one in cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]:
        if one["ResourceType"] == "AWS::IAM::ManagedPolicy":
            policy = one["PhysicalResourceId"]
            version = iam.get_policy_version(PolicyArn=policy, VersionId="v1")["PolicyVersion"]
            document = version["Document"]
            managed[one["LogicalResourceId"]] = [
                *map(policies.without_nothing, document["Statement"])
            ]
    both = {"execution": trust, "scheduler": scheduler_trust}
    return Stack(outputs, both, execution, scheduler, managed)
