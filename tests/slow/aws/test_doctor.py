"""sagepipe doctor: nothing in a healthy account, and each planted fault by its name and mend."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import aws_command
import boto3
import fake_account
import outsider
import pytest
import tables
from command_result import Result
from conftest import Checkout
from server import ACCOUNT, BUCKET, REGION, ROLE, SCHEDULER_ROLE, Server
from wire import Fault, Wire

from sagepipe.doctor import packages

Client = Callable[[str], Any]

DATA = "raw-tables"
QUEUE = "dead-letters"

POLICY = [
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["arn:aws:s3:::*"]},
    {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{DATA}"],
     "Condition": {"StringEquals": {"s3:prefix": "raw"}}},
    {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{BUCKET}"]},
    {"Effect": "Allow", "Action": ["ecr:*", "logs:*", "ec2:*"], "Resource": ["*"]},
    {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": ["*"]},
    {"Effect": "Allow", "Action": ["kms:CreateGrant"], "Resource": ["*"],
     "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}},
    {"Effect": "Allow", "Action": ["sagemaker:*"],
     "Resource": [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/pipelines-*"]},
    {"Effect": "Allow", "Action": ["iam:PassRole"], "Resource": [ROLE],
     "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}},
]  # fmt: skip
START = [
    {"Effect": "Allow", "Action": ["sagemaker:StartPipelineExecution"],
     "Resource": [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/tables"]}
]  # fmt: skip

TOML = f"""
[pipelines.tables.parameters]
InputBucket = "{DATA}"

[pipelines.tables.schedule]
expression = "rate(1 day)"
"""


@dataclass
class Ward:
    """A healthy account, and what to meddle with."""

    client: Client
    wire: Wire
    environment: pytest.MonkeyPatch
    key: str
    subnet: str
    group: str
    vpc: str
    url: str

    def setting(self, name: str, value: str) -> None:
        self.environment.setenv(f"PIPELINE_{name}", value)

    def policy(self, role: str, statements: list[Any]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.client("iam").put_role_policy(
            RoleName=role.rpartition("/")[2], PolicyName="own", PolicyDocument=document
        )

    def toml(self, old: str, new: str) -> None:
        assert old in TOML
        Path("pipeline.toml").write_text(TOML.replace(old, new))


@pytest.fixture
def ward(account: Server, client: Client, monkeypatch: pytest.MonkeyPatch) -> Ward:
    outsider.commands_share_a_session(monkeypatch)
    s3, ec2, kms = client("s3"), client("ec2"), client("kms")
    s3.create_bucket(Bucket=DATA, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=DATA, Key="raw/a.csv", Body=b"1,2\n")
    client("ecr").create_repository(repositoryName="tables")
    manifest = json.dumps({"mediaType": "application/vnd.oci.image.manifest.v1+json"})
    client("ecr").put_image(repositoryName="tables", imageManifest=manifest, imageTag="1")
    fake_account.applied.clear()
    fake_account.applied.update(
        {f"ml.m5.{size} for processing job usage": 8.0 for size in ("large", "xlarge")}
    )
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="jobs", Description="jobs", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}],
    )
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])[
        "RouteTables"
    ]
    ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{REGION}.s3",
        RouteTableIds=[table["RouteTableId"]],
    )
    client("sqs").create_queue(QueueName=QUEUE)
    made = Ward(
        client,
        account.wire,
        monkeypatch,
        kms.create_key()["KeyMetadata"]["Arn"],
        subnet,
        group,
        vpc,
        account.url,
    )
    made.policy(ROLE, POLICY)
    made.policy(SCHEDULER_ROLE, START)
    made.setting("OUTPUT_KMS_KEY", made.key)
    made.setting("VOLUME_KMS_KEY", made.key)
    made.setting("SUBNETS", subnet)
    made.setting("SECURITY_GROUP_IDS", group)
    made.setting("DEAD_LETTER_QUEUE_ARN", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}")
    Path("pipeline.toml").write_text(TOML)
    account.wire.clear()
    return made


def findings(result: Result) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(result.out)["findings"]
    return found


def test_nothing_in_a_healthy_account(ward: Ward, cli: Callable[..., Result]) -> None:
    result = cli("doctor")
    assert (result.code, result.out, result.err) == (0, "nothing would stop a start\n", "")
    assert [one for one in ward.wire.mutations if not _reads(one)] == []
    services = {one.partition(":")[0] for one in ward.wire.operations}
    assert services >= {"ec2", "ecr", "iam", "kms", "s3", "servicequotas", "sqs", "sts"}
    assert json.loads(cli("doctor", "--json").out) == {
        "healthy": True,
        "whole": True,
        "findings": [],
    }


def _reads(operation: str) -> bool:
    return operation in (
        "iam:SimulatePrincipalPolicy",
        "ecr:BatchGetImage",
    )


# --- the faults: how each is planted, where and as what it is found, how its mend begins ----------


@dataclass(frozen=True)
class Planted:
    plant: Callable[[Ward], object]
    check: str
    said: str
    mend: str
    severity: str = "stops"
    mends: bool = True
    """Carrying out the command, in a test, makes the account healthy again."""


def _untrusted(role: str) -> Callable[[Ward], None]:
    def plant(ward: Ward) -> None:
        ward.client("iam").update_assume_role_policy(
            RoleName=role.rpartition("/")[2],
            PolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "ec2.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            ),
        )

    return plant


def _of_another_account(ward: Ward) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}},
    }
    ward.client("iam").update_assume_role_policy(
        RoleName="ecg-execution",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def _no_role(ward: Ward) -> None:
    ward.client("iam").delete_role_policy(RoleName="ecg-scheduler", PolicyName="own")
    ward.client("iam").delete_role(RoleName="ecg-scheduler")


def _without(action: str) -> Callable[[Ward], None]:
    def plant(ward: Ward) -> None:
        kept = [
            {**one, "Action": [each for each in one["Action"] if each != action]} for one in POLICY
        ]
        ward.policy(ROLE, [one for one in kept if one["Action"]])

    return plant


def _other_objects(ward: Ward) -> None:
    s3 = ward.client("s3")
    s3.delete_object(Bucket=DATA, Key="raw/a.csv")
    s3.put_object(Bucket=DATA, Key="raw/readme.txt", Body=b"x")


def _no_image(ward: Ward) -> None:
    ward.client("ecr").batch_delete_image(repositoryName="tables", imageIds=[{"imageTag": "1"}])


def _no_repository(ward: Ward) -> None:
    ward.client("ecr").delete_repository(repositoryName="tables", force=True)


def _no_endpoint(ward: Ward) -> None:
    _other_vpc(ward)
    ec2 = ward.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.9.0.0/16"]}])["Vpcs"][0]
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.9.1.0/24")["Subnet"]
    ward.setting("SUBNETS", subnet["SubnetId"])


def _route_out(ward: Ward) -> None:
    ec2 = ward.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.9.0.0/16"]}])["Vpcs"]
    here = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    (table,) = ec2.describe_route_tables(Filters=here)["RouteTables"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc["VpcId"])
    ec2.create_route(
        RouteTableId=table["RouteTableId"], GatewayId=gateway, DestinationCidrBlock="0.0.0.0/0"
    )


def _closed_group(ward: Ward) -> None:
    ward.client("ec2").revoke_security_group_ingress(
        GroupId=ward.group,
        IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": ward.group}]}],
    )


def _other_vpc(ward: Ward) -> None:
    ec2 = ward.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="x", Description="x", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}],
    )
    ward.setting("SECURITY_GROUP_IDS", group)


def _small_subnet(ward: Ward) -> None:
    subnet = ward.client("ec2").create_subnet(VpcId=ward.vpc, CidrBlock="10.0.2.0/28")["Subnet"]
    ward.setting("SUBNETS", subnet["SubnetId"])


def _list_anywhere(ward: Ward) -> None:
    statements = [one for one in POLICY if "s3:ListBucket" not in one["Action"]]
    anywhere = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["*"]}
    ward.policy(ROLE, [*statements, anywhere])


def _no_bucket(ward: Ward) -> None:
    _list_anywhere(ward)
    ward.setting("ARTIFACT_BUCKET", "no-such-bucket")


def _elsewhere(ward: Ward) -> None:
    far = boto3.client(
        "s3",
        "us-west-2",
        endpoint_url=ward.url,
        aws_access_key_id="other",
        aws_secret_access_key="other",
    )
    far.create_bucket(
        Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    ward.client("s3").put_object(Bucket="elsewhere", Key="raw/a.csv", Body=b"1")
    _list_anywhere(ward)
    ward.toml(DATA, "elsewhere")


def _old_package(ward: Ward) -> None:
    true = metadata.version
    ward.environment.setattr(
        packages.metadata, "version", lambda name: "1.20.5" if name == "botocore" else true(name)
    )


FAULTS = {
    "a role that there isn't": Planted(
        _no_role, "schedule", "there is no role", "aws iam create-role --role-name ecg-scheduler",
        mends=False,  # a new role may do nothing yet, which is the next finding
    ),
    "a role that SageMaker may not assume": Planted(
        _untrusted(ROLE), "roles", "can't be assumed by sagemaker.amazonaws.com",
        "aws iam update-assume-role-policy --role-name ecg-execution",
    ),
    "a role that is trusted for another account": Planted(
        _of_another_account, "roles", "can't be assumed by sagemaker.amazonaws.com",
        "aws iam update-assume-role-policy --role-name ecg-execution",
    ),
    "a role of another account": Planted(
        lambda ward: ward.setting("ROLE_ARN", "arn:aws:iam::999999999999:role/x"),
        "roles", "belongs to account 999999999999", "AWS_PROFILE=", mends=False,
    ),
    "a bucket of scripts that there isn't": Planted(
        _no_bucket, "buckets", "there is no bucket no-such-bucket", "aws s3 mb s3://no-such-bucket",
    ),
    "somebody else's bucket": Planted(
        lambda ward: ward.wire.foreign.add(BUCKET),
        "buckets", "belongs to another account", "aws s3api head-bucket", mends=False,
    ),
    "data in somebody else's bucket": Planted(
        lambda ward: ward.wire.foreign.add(DATA),
        "buckets", "make sure that it is meant", "aws s3api head-bucket", "warns", mends=False,
    ),
    "data in another region": Planted(
        _elsewhere, "buckets", "is in us-west-2, but the pipeline in", "aws s3 mb", mends=False,
    ),
    "an empty input": Planted(
        lambda ward: ward.client("s3").delete_object(Bucket=DATA, Key="raw/a.csv"),
        "inputs", f"there are no objects at s3://{DATA}/raw", f"aws s3 sync FOLDER s3://{DATA}/raw/",
    ),
    "an input of something else": Planted(
        _other_objects, "inputs", "there is raw/readme.txt", f"aws s3 sync FOLDER s3://{DATA}/raw/",
    ),
    "a role that may not read": Planted(
        _without("s3:GetObject"), "permissions",
        f"s3:GetObject on arn:aws:s3:::{BUCKET}/tables/code/*, arn:aws:s3:::{DATA}/raw/*",
        "aws iam put-role-policy --role-name ecg-execution --policy-name read-inputs",
    ),
    "a role that may not list": Planted(
        _without("s3:ListBucket"), "permissions", f"s3:ListBucket on arn:aws:s3:::{DATA}",
        "aws iam put-role-policy --role-name ecg-execution --policy-name list-input-1",
    ),
    "a role that may not write": Planted(
        _without("s3:PutObject"), "permissions", f"s3:PutObject on arn:aws:s3:::{BUCKET}/runs/*",
        "aws iam put-role-policy --role-name ecg-execution --policy-name write-outputs",
    ),
    "a role that may not be passed": Planted(
        _without("iam:PassRole"), "permissions", "iam:PassRole",
        "aws iam put-role-policy --role-name ecg-execution --policy-name pass-roles",
    ),
    "a role that may not use the outputs' key": Planted(
        _without("kms:GenerateDataKey"), "permissions", "kms:GenerateDataKey",
        "aws iam put-role-policy --role-name ecg-execution --policy-name output-key",
    ),
    "a role that may not use the volumes' key": Planted(
        _without("kms:CreateGrant"), "permissions", "kms:CreateGrant",
        "aws iam put-role-policy --role-name ecg-execution --policy-name volume-key",
    ),
    "a role that may not pull images": Planted(
        _without("ecr:*"), "permissions", "ecr:BatchGetImage", "aws iam put-role-policy",
        mends=False,  # two findings, two commands
    ),
    "a fresh account's quota": Planted(
        lambda _: fake_account.applied.clear(), "instance_quotas",
        "'ml.m5.large for processing job usage' is 0, and it asks for 8",
        "aws service-quotas request-service-quota-increase --service-code sagemaker", mends=False,
    ),
    "a quota that is too small": Planted(
        lambda _: fake_account.applied.update({"ml.m5.large for processing job usage": 4.0}),
        "instance_quotas", "is 4, and it asks for 8", "aws service-quotas", mends=False,
    ),
    "an image that there isn't": Planted(
        _no_image, "job_images", "is not in its repository", "docker push", mends=False
    ),
    "a repository that there isn't": Planted(
        _no_repository, "job_images", "there is no such repository",
        "aws ecr create-repository --repository-name tables", mends=False,
    ),
    "a key that is disabled": Planted(
        lambda ward: ward.client("kms").disable_key(KeyId=ward.key.rpartition("/")[2]),
        "kms_keys", "is Disabled", "aws kms enable-key --key-id",
    ),
    "a key that is about to go": Planted(
        lambda ward: ward.client("kms").schedule_key_deletion(
            KeyId=ward.key.rpartition("/")[2]
        ),
        "kms_keys", "is about to be deleted", "aws kms cancel-key-deletion --key-id",
    ),
    "a key that there isn't": Planted(
        lambda ward: ward.setting("OUTPUT_KMS_KEY", "alias/none"),
        "kms_keys", "there is no such key", "aws kms create-key", mends=False,
    ),
    "a subnet that there isn't": Planted(
        lambda ward: ward.setting("SUBNETS", "subnet-0a1b2c3d"),
        "vpcs", "subnet-0a1b2c3d", "aws ec2 describe-subnets", mends=False,
    ),
    "a group of another VPC": Planted(
        _other_vpc, "vpcs", "lie in different VPCs", "aws ec2 describe-security-groups",
        mends=False,
    ),
    "a subnet that is too small": Planted(
        _small_subnet, "vpcs", "free addresses, and 8 instances take 16", "aws ec2 create-subnet",
        mends=False,
    ),
    "no way to S3": Planted(
        _no_endpoint, "vpcs", "no route out and no endpoint", "aws ec2 create-vpc-endpoint"
    ),
    "instances that can't reach each other": Planted(
        _closed_group, "vpcs", "let its members reach each other",
        "aws ec2 authorize-security-group-ingress", "warns",
    ),
    "a scheduler's role that it may not assume": Planted(
        _untrusted(SCHEDULER_ROLE), "schedule", "can't be assumed by scheduler.amazonaws.com",
        "aws iam update-assume-role-policy --role-name ecg-scheduler",
    ),
    "a scheduler's role that may not start": Planted(
        lambda ward: ward.policy(SCHEDULER_ROLE, POLICY[2:3]),
        "schedule", "sagemaker:StartPipelineExecution",
        "aws iam put-role-policy --role-name ecg-scheduler",
    ),
    "a schedule that never runs": Planted(
        lambda ward: ward.toml("rate(1 day)", "at(2020-01-01T00:00:00)"),
        "schedule", "never runs", "sagepipe schedule set", mends=False,
    ),
    "a schedule that reads what the role may not": Planted(
        lambda ward: ward.toml(
            "(1 day)\"\n", "(1 day)\"\nparameters = { InputPrefix = \"nightly\" }\n"
        ),
        "schedule", "the schedule's runs, role ecg-execution may not s3:ListBucket",
        "aws iam put-role-policy --role-name ecg-execution --policy-name list-input-1",
    ),
    "a queue that there isn't": Planted(
        lambda ward: ward.client("sqs").delete_queue(
            QueueUrl=ward.client("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"]
        ),
        "dead_letter_queue", "there is no such queue", "aws sqs create-queue", "warns",
    ),
    "a package that is too old": Planted(
        _old_package, "packages", "1.20.5 is installed", "pip install 'botocore>=1.43,<2'", "warns",
        mends=False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_its_name(
    ward: Ward, cli: Callable[..., Result], account: Server, name: str
) -> None:
    fault = FAULTS[name]
    fault.plant(ward)
    result = cli("doctor", "--json")
    found = findings(result)
    assert found, "nothing found"
    assert {one["check"] for one in found} == {fault.check}
    assert {one["severity"] for one in found} == {fault.severity}
    assert result.code == (2 if fault.severity == "stops" else 0)
    first = next(one for one in found if fault.said in f"{one['where']} {one['what']}")
    assert first["mend"].startswith(fault.mend)
    for one in found:
        for command in one["mend"].split(" && "):
            words = aws_command.words(command)
            if words[0] == "aws" and words[1] not in ("s3", "configure", "sso"):
                aws_command.members(words)  # every option is one of the service's
    if fault.mends:
        for one in found:
            aws_command.run(one["mend"], account.url)
        assert cli("doctor").out == "nothing would stop a start\n"


TEMPLATE = Path(__file__).parents[3] / "infra/bootstrap.yaml"


@pytest.mark.filterwarnings("ignore:Tried to parse")
def test_what_the_template_makes_is_healthy(
    ward: Ward, cli: Callable[..., Result], account: Server
) -> None:
    for name in ("ROLE_ARN", "SCHEDULER_ROLE_ARN", "ARTIFACT_BUCKET", "DEAD_LETTER_QUEUE_ARN"):
        ward.environment.delenv(f"PIPELINE_{name}")
    given = {
        "PipelineName": "tables",
        "ArtifactPrefix": "tables",
        "InputBucket": DATA,
        "KmsKeyArn": ward.key,
        "Subnets": ward.subnet,
        "SecurityGroupIds": ward.group,
        "ImageRepositoryArns": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/tables",
    }
    cloudformation = ward.client("cloudformation")
    cloudformation.create_stack(
        StackName="tables",
        TemplateBody=TEMPLATE.read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    (stack,) = cloudformation.describe_stacks(StackName="tables")["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    Path("pipeline.toml").write_text(f"{outputs['PipelineToml']}\n{TOML}")
    result = cli("doctor")
    assert (result.out, result.err) == ("nothing would stop a start\n", "")
    role = outputs["RoleArn"].rpartition("/")[2]
    assert any(role in call.body.decode() for call in ward.wire.calls)


def test_there_are_enough_faults() -> None:
    assert len(FAULTS) >= 15


def test_a_route_out_is_a_way_to_s3(ward: Ward, cli: Callable[..., Result]) -> None:
    _no_endpoint(ward)
    assert cli("doctor").code == 2
    _route_out(ward)
    assert cli("doctor").out == "nothing would stop a start\n"


def test_no_credentials(
    account: Server, cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    result = cli("doctor")
    assert result.code == 2
    lines = result.out.splitlines()
    assert lines[0].startswith("STOPS  credentials: credentials: can't find out whose")
    assert lines[1] == "    aws configure"
    assert "nothing else could be looked at" in lines[2]


def test_expired_credentials(wire: Wire, cli: Callable[..., Result]) -> None:
    expired = Fault(lambda _, call: call.operation.startswith("sts"), "ExpiredToken")
    with wire.fault(expired):
        (one,) = findings(cli("doctor", "--json"))
    assert (one["check"], one["mend"]) == ("credentials", "aws sso login")


def test_missing_settings_are_findings(
    account: Server, cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIPELINE_ROLE_ARN")
    monkeypatch.delenv("PIPELINE_ARTIFACT_BUCKET")
    result = cli("doctor", "--json")
    assert result.code == 2
    assert [one["mend"] for one in findings(result)] == [
        "sagepipe doctor --role-arn VALUE",
        "sagepipe doctor --artifact-bucket VALUE",
    ]


def test_no_region(
    account: Server, cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    (one,) = findings(cli("doctor", "--json"))
    assert one["mend"] == "sagepipe doctor --region VALUE"


def test_parameters_that_are_refused_are_an_error(ward: Ward, cli: Callable[..., Result]) -> None:
    result = cli("doctor", "-p", "FitInstanceCount=0")
    assert (result.code, result.out) == (1, "")
    assert "InstanceCount: is 0" in result.err


def test_parameters_that_are_given_count(ward: Ward, cli: Callable[..., Result]) -> None:
    (one,) = findings(cli("doctor", "--json", "-p", "CleanInstanceType=ml.t3.medium",
                          "-p", "CleanInstanceCount=5"))  # fmt: skip
    assert "is 4, and it asks for 5" in one["what"]
    result = cli("doctor", "--json", "-p", "InputPrefix=none")
    assert {one["check"] for one in findings(result)} == {"inputs", "permissions"}


@pytest.mark.parametrize(
    ("operation", "check", "said"),
    [
        ("iam:SimulatePrincipalPolicy", "permissions", "iam:SimulatePrincipalPolicy"),
        ("servicequotas:ListAWSDefaultServiceQuotas", "instance_quotas", "quotas"),
        ("ecr:BatchGetImage", "job_images", "ecr"),
        ("kms:DescribeKey", "kms_keys", "key"),
        ("iam:GetRole", "roles", "iam:GetRole"),
        ("sqs:GetQueueUrl", "dead_letter_queue", "queue"),
    ],
)
def test_what_may_not_be_looked_at_is_said_to_be_unknown(
    ward: Ward, cli: Callable[..., Result], operation: str, check: str, said: str
) -> None:
    denied = Fault(lambda _, call: call.operation == operation, "AccessDeniedException", status=403)
    with ward.wire.fault(denied):
        result = cli("doctor", "--json")
    found = [one for one in findings(result) if one["check"] == check]
    assert result.code == 0
    assert {one["severity"] for one in findings(result)} == {"unknown"}
    assert said in found[0]["what"]
    assert "not checked" in found[0]["what"]
    assert re.search("; have it allowed for|credentials lack", found[0]["what"])


def test_the_table_for_people(ward: Ward, cli: Callable[..., Result]) -> None:
    FAULTS["an empty input"].plant(ward)
    result = cli("doctor")
    assert result.out.splitlines() == [
        f"STOPS  inputs: step 'Clean', input 'raw': there are no objects at s3://{DATA}/raw",
        f"    aws s3 sync FOLDER s3://{DATA}/raw/",
        "1 would stop a start",
    ]


def test_every_s3_call_expects_the_account_s_own_bucket(
    ward: Ward, cli: Callable[..., Result], checkout: Checkout
) -> None:
    assert cli("upsert").code == 0
    calls = [one for one in ward.wire.calls if one.operation.startswith("s3:")]
    expecting = [one for one in calls if one.expected_owner == ACCOUNT]
    assert {one.operation for one in expecting} >= {"s3:HeadBucket", "s3:HeadObject",
                                                    "s3:PutObject"}  # fmt: skip
    # the glance at data, which may rightly be another account's
    assert {(one.operation, one.bucket) for one in calls if one not in expecting} <= {
        ("s3:ListObjects", DATA)
    }


def test_nothing_is_written_into_somebody_else_s_bucket(
    ward: Ward, cli: Callable[..., Result]
) -> None:
    ward.wire.foreign.add(BUCKET)
    result = cli("upsert")
    assert result.code == 1
    assert re.search(rf"bucket {BUCKET} belongs to another account", result.err)
    assert ward.wire.mutations == []


@pytest.mark.parametrize("verb", ["upsert", "start"])
def test_upsert_and_start_glance(ward: Ward, cli: Callable[..., Result], verb: str) -> None:
    assert cli("upsert").code == 0
    FAULTS["an empty input"].plant(ward)
    result = cli(verb)
    assert result.code == 0
    assert result.err.splitlines() == [
        f"warning: step 'Clean', input 'raw': there are no objects at s3://{DATA}/raw; "
        f"aws s3 sync FOLDER s3://{DATA}/raw/"
    ]


def test_a_start_of_other_steps_does_not_look_at_the_input(
    ward: Ward, cli: Callable[..., Result]
) -> None:
    assert cli("upsert").code == 0
    FAULTS["an empty input"].plant(ward)
    assert cli("start").code == 0
    result = cli("start", "--from-step", "Fit", "-p", "Seed=2")
    assert "input 'raw'" not in result.err


def test_pyproject_says_the_same_of_the_packages() -> None:
    text = (Path(tables.__file__).parents[2] / "pyproject.toml").read_text()
    for name in ("boto3", "sagemaker"):
        first, last = packages.KNOWN[name]
        words = f"{name}>={'.'.join(map(str, first))},<{'.'.join(map(str, last))}"
        assert f'"{words}"' in text
    assert packages.KNOWN["botocore"] == packages.KNOWN["boto3"]


def test_findings_are_frozen() -> None:
    from sagepipe.doctor.findings import CHECKS, Finding

    with pytest.raises(dataclasses.FrozenInstanceError):
        Finding("stops", "a", "b").what = "c"  # type: ignore[misc]
    assert len({one.name for one in CHECKS}) == len(CHECKS)
