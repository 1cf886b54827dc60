"""Jobs in a VPC: subnets and groups that exist, room for the instances, a way to S3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagepipe.aws import boto
from sagepipe.doctor.case import Case
from sagepipe.doctor.findings import Finding, check
from sagepipe.errors import AwsError

_WAYS_OUT = ("GatewayId", "NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "InstanceId",
             "VpcPeeringConnectionId")  # fmt: skip


@dataclass(frozen=True)
class _Vpc:
    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    instances: int


@check()
def vpcs(case: Case) -> Iterator[Finding]:
    """What the jobs' NetworkConfig names is there, and S3 can be reached from it."""
    for vpc in _vpcs(case):
        try:
            subnets = _described(case, "subnets", vpc.subnets)
            groups = _described(case, "security_groups", vpc.groups)
        except AwsError as error:
            if not error.code.endswith(".NotFound"):
                raise
            kind = "subnet" if "Subnet" in error.code else "security group"
            mend = f"aws ec2 describe-{kind.replace(' ', '-')}s --region {case.region}"
            yield Finding("stops", f"the jobs' {kind}s", str(error), mend)
            continue
        yield from _one_vpc(subnets, groups, case)
        yield from _room(subnets, vpc, case)
        yield from _each_other(groups, vpc, case)
        yield from _way_to_s3(subnets, case)


def _vpcs(case: Case) -> Iterator[_Vpc]:
    """Each combination of subnets and groups, with the most instances that a job puts there."""
    most: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
    for job, config in case.members("NetworkConfig", "VpcConfig"):
        key = tuple(config.get("Subnets") or ()), tuple(config.get("SecurityGroupIds") or ())
        most[key] = max(most.get(key, 0), job.instances[1] if job.instances else 1)
    for (subnets, groups), instances in most.items():
        yield _Vpc(subnets, groups, instances)


def _described(case: Case, what: str, ids: Sequence[str]) -> list[Mapping[str, Any]]:
    member = "SubnetIds" if what == "subnets" else "GroupIds"
    answer = "Subnets" if what == "subnets" else "SecurityGroups"
    with boto.calls(f"look at {what.replace('_', ' ')} {', '.join(ids)}"):
        call = getattr(case.client("ec2"), f"describe_{what}")
        found: list[Mapping[str, Any]] = call(**{member: list(ids)})[answer]
    return found


def _one_vpc(
    subnets: list[Mapping[str, Any]], groups: list[Mapping[str, Any]], case: Case
) -> Iterator[Finding]:
    homes = {one["VpcId"] for one in (*subnets, *groups)}
    if len(homes) > 1:
        mend = f"aws ec2 describe-security-groups --region {case.region}"
        what = f"lie in different VPCs: {', '.join(sorted(homes))}"
        yield Finding("stops", "the jobs' subnets and security groups", what, mend)


def _room(subnets: list[Mapping[str, Any]], vpc: _Vpc, case: Case) -> Iterator[Finding]:
    """A processing instance takes at least two addresses."""
    free, needed = sum(one["AvailableIpAddressCount"] for one in subnets), 2 * vpc.instances
    if free < needed:
        mend = f"aws ec2 create-subnet --vpc-id {subnets[0]['VpcId']} --cidr-block CIDR"
        what = f"have {free} free addresses, and {vpc.instances} instances take {needed}"
        yield Finding("stops", "the jobs' subnets", what, f"{mend} --region {case.region}")


def _each_other(groups: list[Mapping[str, Any]], vpc: _Vpc, case: Case) -> Iterator[Finding]:
    """The instances of a job talk to each other, which a new security group doesn't allow."""
    if vpc.instances < 2 or any(_lets_itself_in(one) for one in groups):
        return
    group = groups[0]["GroupId"]
    yield Finding(
        "warns",
        f"security group {group}",
        "doesn't let its members reach each other, and a job has several instances",
        f"aws ec2 authorize-security-group-ingress --group-id {group} --protocol -1 "
        f"--source-group {group} --region {case.region}",
    )


def _lets_itself_in(group: Mapping[str, Any]) -> bool:
    return any(
        pair.get("GroupId") == group["GroupId"]
        for rule in group.get("IpPermissions", [])
        for pair in rule.get("UserIdGroupPairs", [])
    )


def _way_to_s3(subnets: list[Mapping[str, Any]], case: Case) -> Iterator[Finding]:
    """An endpoint of S3, or a route out; without either, inputs don't arrive."""
    vpc, ec2 = subnets[0]["VpcId"], case.client("ec2")
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    with boto.calls(f"look at the ways out of {vpc}"):
        tables = ec2.describe_route_tables(Filters=here)["RouteTables"]
        endpoints = ec2.describe_vpc_endpoints(Filters=here)["VpcEndpoints"]
    service = f"com.amazonaws.{case.region}.s3"
    s3 = [
        one
        for one in endpoints
        if one["ServiceName"] == service and one.get("State", "available").lower() == "available"
    ]
    if any(one.get("VpcEndpointType") == "Interface" for one in s3):
        return
    served = {table for one in s3 for table in one.get("RouteTableIds", [])}
    for subnet in subnets:
        table = _table(tables, subnet["SubnetId"])
        if table is None or table["RouteTableId"] in served or _leads_out(table):
            continue
        yield Finding(
            "stops",
            f"subnet {subnet['SubnetId']}",
            "has no route out and no endpoint of S3, so inputs don't arrive",
            f"aws ec2 create-vpc-endpoint --vpc-id {vpc} --service-name {service} "
            f"--route-table-ids {table['RouteTableId']} --region {case.region}",
        )


def _table(tables: list[Mapping[str, Any]], subnet: str) -> Mapping[str, Any] | None:
    """The subnet's own route table, or the VPC's main one."""
    main = None
    for table in tables:
        for one in table.get("Associations", []):
            if one.get("SubnetId") == subnet:
                return table
            if one.get("Main"):
                main = table
    return main


def _leads_out(table: Mapping[str, Any]) -> bool:
    return any(
        route.get("DestinationCidrBlock") == "0.0.0.0/0"
        and any(route.get(way) not in (None, "local") for way in _WAYS_OUT)
        for route in table.get("Routes", [])
    )
