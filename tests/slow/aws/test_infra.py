"""infra/bootstrap.yaml: valid, deployable, and allowed nothing that nobody needs.

`NEEDS` says of each action in each policy who calls it and on what. Each need must be allowed by
the deployed policies, and each action and resource in them must be what some need rests on.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import fake_account
import pytest
from policies import Call, allowed, without_one_action, without_one_resource
from policies import actions as actions_of
from server import ACCOUNT, BUCKET, REGION, ROLE, Server
from stacks import TEMPLATE, Stack, deploy

from pipelines import PROJECT
from sagepipe.language.definition import Definition
from sagepipe.language.validate import validate
from sagepipe.settings import configuration
from sagepipe.settings.facts import Settings

# moto deploys all but bucket and topic policies, alarms and subscriptions: those are read below
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse")

EXAMPLE = Path(__file__).parents[3] / "pipeline.example.toml"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
EVERYTHING = {
    "PipelineName": "ecg-all",
    "InputBucket": "recordings",
    "InputPrefixes": "raw,more/recordings",
    "OutputBucket": "results",
    "KmsKeyArn": KEY,
    "Subnets": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1,sg-2",
    "AlertEmail": "team@example.com",
    "ImageRepositoryArns": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/own",
    "ExpireRunsAfterDays": "60",
    "GitHubRepository": "team/pipelines",
}


@pytest.fixture(scope="session")
def definition() -> str:
    """What the template is for: this project's pipeline, as the account's settings build it."""
    settings = Settings(
        region=REGION,
        role_arn=ROLE,
        artifact_bucket=BUCKET,
        pipeline_name="ecg-pca",
        artifact_prefix="ecg-pca",
    )
    return PROJECT["ecg-pca"].built(settings).definition


@dataclass(frozen=True)
class Need:
    """A call that has to be allowed, who makes it, and with which parameter of the template."""

    why: str
    call: Call
    with_parameter: str = ""


def arn(service: str, rest: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{rest}"


def execution_needs(stack: Stack, parameters: Mapping[str, str]) -> Iterator[Need]:
    """What the pipeline does itself, then what happens in its jobs (steps/*.py, code/*.py)."""
    scripts = stack.outputs["ArtifactBucketName"]
    inputs = parameters.get("InputBucket", scripts)
    outputs = parameters.get("OutputBucket", scripts)
    run = f"arn:aws:s3:::{outputs}/runs/p4jn9xou8a8s"
    job = arn("sagemaker", "processing-job/pipelines-p4jn9xou8a8s-Pca-tmgxry49ug")
    role = stack.outputs["RoleArn"]

    def need(why: str, action: str, resource: str, **context: str) -> Need:
        keys = tuple((key.replace("__", ":"), value) for key, value in context.items())
        return Need(why, Call(action, resource, keys))

    yield need("a Processing step starts its job", "sagemaker:CreateProcessingJob", job)
    yield need("Settings.tags and the pipeline's own tags go on jobs", "sagemaker:AddTags", job)
    yield need("a step follows its job to the end", "sagemaker:DescribeProcessingJob", job)
    yield need("watch --stop ends running jobs", "sagemaker:StopProcessingJob", job)
    yield need(
        "a job runs as the pipeline's role (Kit.job)",
        "iam:PassRole",
        role,
        iam__PassedToService="sagemaker.amazonaws.com",
    )

    for bucket in (scripts, inputs, outputs):
        yield need(
            "SageMaker expands S3Prefix inputs, Spark looks for files",
            "s3:ListBucket",
            f"arn:aws:s3:::{bucket}",
        )
    yield need(
        "the code and lib inputs, submit_app and submit_py_files (bundle.py)",
        "s3:GetObject",
        f"arn:aws:s3:::{scripts}/ecg-pca/code/{'0' * 64}/pca.py",
    )
    for prefix in parameters.get("InputPrefixes", "raw").split(","):
        recording = f"arn:aws:s3:::{inputs}/{prefix}/a/1.csv"
        yield need("the raw input of Preprocess", "s3:GetObject", recording)
    yield need(
        "Pca's parts, Spark's components, the gate's JsonGet on metrics.json",
        "s3:GetObject",
        f"{run}/pca/metrics/metrics.json",
    )
    yield need("every step's outputs", "s3:PutObject", f"{run}/preprocess/train/part-0.parquet")
    yield need(
        "Spark's staging prefix is renamed: copied, then deleted (Storage.replace)",
        "s3:DeleteObject",
        f"{run}/_features.staging/split=train/part-0.parquet",
    )
    yield need(
        "uploads in parts that a failed task leaves are given up",
        "s3:AbortMultipartUpload",
        f"{run}/features/split=train/part-0.parquet",
    )

    logs = arn("logs", "log-group:/aws/sagemaker/ProcessingJobs")
    stream = f"{logs}:log-stream:pipelines-p4jn9xou8a8s-Pca-tmgxry49ug/algo-1-1700000000"
    yield need("the account's first job makes the group", "logs:CreateLogGroup", logs)
    yield need("each instance has a stream", "logs:CreateLogStream", stream)
    yield need("each instance writes to it", "logs:PutLogEvents", stream)
    yield need("its place in the stream is looked up", "logs:DescribeLogStreams", f"{logs}:*")
    yield need(
        "CPU, memory and disk of each instance",
        "cloudwatch:PutMetricData",
        "*",
        cloudwatch__namespace="/aws/sagemaker/ProcessingJobs",
    )
    yield need("pulling any image begins with a login", "ecr:GetAuthorizationToken", "*")
    for registry, repository in (
        ("141502667606", "sagemaker-scikit-learn"),
        ("571004829621", "sagemaker-spark-processing"),
    ):
        image = arn("ecr", f"repository/{repository}", account=registry)
        for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"):
            yield need("pulling the managed images (steps/images.py)", f"ecr:{action}", image)

    if own := parameters.get("ImageRepositoryArns"):
        for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"):
            yield need("pulling images of one's own", f"ecr:{action}", own)
    if "Subnets" in parameters:
        why = "Settings.subnets: each instance has an interface in the VPC"
        for subnet in ("subnet-1", "subnet-2"):
            yield need(
                why,
                "ec2:CreateNetworkInterface",
                arn("ec2", f"subnet/{subnet}"),
                ec2__SubnetID=subnet,
            )
        for group in ("sg-1", "sg-2"):
            yield need(
                why,
                "ec2:CreateNetworkInterface",
                arn("ec2", f"security-group/{group}"),
                ec2__SecurityGroupID=group,
            )
        interface = arn("ec2", "network-interface/eni-1")
        for action in (
            "CreateNetworkInterface",
            "CreateNetworkInterfacePermission",
            "DeleteNetworkInterface",
            "DeleteNetworkInterfacePermission",
        ):
            yield need(why, f"ec2:{action}", interface)
        for action in (
            "DescribeDhcpOptions",
            "DescribeNetworkInterfaces",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeVpcs",
        ):
            yield need("SageMaker checks the VPC before it attaches to it", f"ec2:{action}", "*")
    if "KmsKeyArn" in parameters:
        yield need("reading scripts, recordings and parts", "kms:Decrypt", KEY)
        yield need("a job with a volume key looks at it (its API's page)", "kms:DescribeKey", KEY)
        yield need("Settings.output_kms_key: outputs", "kms:Encrypt", KEY)
        yield need("S3 makes a data key for each object written", "kms:GenerateDataKey", KEY)
        yield need(
            "Settings.volume_kms_key: volumes",
            "kms:CreateGrant",
            KEY,
            kms__GrantIsForAWSResource="true",
        )


def scheduler_needs(stack: Stack, parameters: Mapping[str, str]) -> Iterator[Need]:
    name = parameters.get("PipelineName", "ecg-pca")
    yield Need(
        "both of a schedule's targets (schedules.Schedule._target)",
        Call("sagemaker:StartPipelineExecution", arn("sagemaker", f"pipeline/{name}")),
    )
    yield Need(
        "dead_letter_queue_arn: starts that failed for good",
        Call("sqs:SendMessage", stack.outputs["DeadLetterQueueArn"]),
    )


def doctor_needs(stack: Stack, parameters: Mapping[str, str]) -> Iterator[Need]:
    yield Need(
        "what the execution role may do",
        Call("iam:SimulatePrincipalPolicy", stack.outputs["RoleArn"]),
    )
    for registry, repository in (
        ("141502667606", "sagemaker-scikit-learn"),
        ("571004829621", "sagemaker-spark-processing"),
    ):
        image = arn("ecr", f"repository/{repository}", account=registry)
        yield Need("whether the images exist in the region", Call("ecr:BatchGetImage", image))
    queue = stack.outputs["DeadLetterQueueArn"]
    yield Need("whether the queue exists", Call("sqs:GetQueueUrl", queue))
    for what in ("Subnets", "SecurityGroups", "RouteTables", "VpcEndpoints"):
        yield Need("what isolated jobs can reach", Call(f"ec2:Describe{what}", "*"))
    for what in ("ListServiceQuotas", "ListAWSDefaultServiceQuotas"):
        yield Need("how many instances there may be", Call(f"servicequotas:{what}", "*"))


def deployer_key_needs(stack: Stack, parameters: Mapping[str, str]) -> Iterator[Need]:
    if "KmsKeyArn" in parameters:
        yield Need("artifact_kms_key: S3 encrypts the scripts", Call("kms:GenerateDataKey", KEY))
        yield Need("reading scripts and outputs", Call("kms:Decrypt", KEY))
        yield Need("doctor: whether the key can be used", Call("kms:DescribeKey", KEY))


# Calls next to the needed ones that must not be allowed.
FORBIDDEN_TO_EXECUTIONS = [
    Call("s3:GetObject", "arn:aws:s3:::somebody-elses/raw/a.csv"),
    Call("s3:GetObject", "arn:aws:s3:::recordings/private/a.csv"),
    Call("s3:PutObject", "arn:aws:s3:::recordings/raw/a.csv"),
    Call("s3:DeleteObject", "arn:aws:s3:::recordings/raw/a.csv"),
    Call("s3:PutObject", "arn:aws:s3:::results/other/x"),
    Call("s3:DeleteBucket", "arn:aws:s3:::results"),
    Call("s3:ListBucket", "arn:aws:s3:::somebody-elses"),
    Call("sagemaker:CreateProcessingJob", arn("sagemaker", "processing-job/by-hand")),
    Call("sagemaker:StartPipelineExecution", arn("sagemaker", "pipeline/ecg-all")),
    Call("sagemaker:CreateTrainingJob", arn("sagemaker", "training-job/pipelines-x")),
    Call(
        "cloudwatch:PutMetricData", "*", (("cloudwatch:namespace", "/aws/sagemaker/TrainingJobs"),)
    ),
    Call("cloudwatch:PutMetricData", "*"),
    Call("logs:PutLogEvents", arn("logs", "log-group:/aws/sagemaker/TrainingJobs:log-stream:x")),
    Call("ecr:BatchGetImage", arn("ecr", "repository/sagemaker-scikit-learn")),
    Call(
        "ec2:CreateNetworkInterface",
        arn("ec2", "subnet/subnet-3"),
        (("ec2:SubnetID", "subnet-3"),),
    ),
    Call("kms:CreateGrant", KEY, (("kms:GrantIsForAWSResource", "false"),)),
    Call("kms:Decrypt", KEY.replace("1111", "2222")),
]

# The service knows no resources for these.
WITHOUT_RESOURCES = {
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:DescribeRouteTables",
    "ec2:DescribeVpcEndpoints",
    "sagemaker:ListPipelines",
    "servicequotas:ListAWSDefaultServiceQuotas",
    "servicequotas:ListServiceQuotas",
}


@pytest.fixture(scope="module")
def plain(server: Server) -> Stack:
    server.reset()
    return deploy(server, "plain", {})


@pytest.fixture(scope="module")
def everything(server: Server) -> Stack:
    server.reset()
    return deploy(server, "everything", EVERYTHING)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The template as it stands, functions in their long form."""
    from cfnlint.decode import decode

    found, problems = decode(str(TEMPLATE))
    assert not problems
    members: dict[str, Any] = json.loads(json.dumps(found))
    return members


def test_cfn_lint_has_nothing_to_say() -> None:
    from cfnlint.api import lint_file

    assert [str(problem) for problem in lint_file(TEMPLATE)] == []


@pytest.mark.parametrize(("which", "parameters"), [("plain", {}), ("everything", EVERYTHING)])
def test_what_is_needed_is_allowed_and_nothing_else(
    which: str, parameters: dict[str, str], request: pytest.FixtureRequest
) -> None:
    stack: Stack = request.getfixturevalue(which)
    for statements, needs in (
        (stack.execution, list(execution_needs(stack, parameters))),
        (stack.scheduler, list(scheduler_needs(stack, parameters))),
        (stack.managed["DoctorPolicy"], list(doctor_needs(stack, parameters))),
        (stack.managed.get("DeployerKeyPolicy", []), list(deployer_key_needs(stack, parameters))),
    ):
        denied = [need for need in needs if not allowed(statements, need.call)]
        assert not denied, "these calls would be refused"
        unexplained = actions_of(statements) - {need.call.action for need in needs}
        assert not unexplained, "nobody needs these actions: explain or remove them"
        for removed in (without_one_action, without_one_resource):
            for statement, what, rest in removed(statements):
                if any(not allowed(rest, need.call) for need in needs):
                    continue
                pytest.fail(f"{which}: nothing rests on {what} in statement {statement}")


@pytest.mark.parametrize("policy", ["DeployerPolicy", "PlannerPolicy", "DoctorPolicy"])
def test_a_policy_is_not_too_long(everything: Stack, policy: str) -> None:
    document = {"Version": "2012-10-17", "Statement": everything.managed[policy]}
    assert len(json.dumps(document, separators=(",", ":"))) < 6144


def test_who_plans_writes_nothing(everything: Stack) -> None:
    reads = ("Describe", "Get", "List")
    assert all(
        action.partition(":")[2].startswith(reads)
        for action in actions_of(everything.managed["PlannerPolicy"])
    )


@pytest.mark.parametrize("call", FORBIDDEN_TO_EXECUTIONS, ids=lambda call: call.action)
def test_an_execution_may_not(call: Call, everything: Stack) -> None:
    assert not allowed(everything.execution, call)


def test_scripts_can_be_read_but_not_changed_by_what_runs_them(plain: Stack) -> None:
    script = f"arn:aws:s3:::{plain.outputs['ArtifactBucketName']}/ecg-pca/code/x/pca.py"
    assert allowed(plain.execution, Call("s3:GetObject", script))
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert not allowed(plain.execution, Call(action, script))


def test_the_role_is_passed_to_sagemaker_only(plain: Stack) -> None:
    role = plain.outputs["RoleArn"]
    to = (("iam:PassedToService", "ec2.amazonaws.com"),)
    assert not allowed(plain.execution, Call("iam:PassRole", role, to))
    assert not allowed(plain.execution, Call("iam:PassRole", role))
    other = (("iam:PassedToService", "sagemaker.amazonaws.com"),)
    assert not allowed(plain.execution, Call("iam:PassRole", f"{role}2", other))


def test_a_schedule_starts_this_pipeline_and_no_other(everything: Stack) -> None:
    for name in ("ecg-pca", "ecg-all2", "*"):
        call = Call("sagemaker:StartPipelineExecution", arn("sagemaker", f"pipeline/{name}"))
        assert not allowed(everything.scheduler, call)
    assert not allowed(everything.scheduler, Call("sqs:SendMessage", arn("sqs", "other")))


def test_a_star_stands_only_where_the_service_knows_no_resources(everything: Stack) -> None:
    managed = [one for statements in everything.managed.values() for one in statements]
    for statement in everything.execution + everything.scheduler + managed:
        actions = actions_of([statement])
        assert not any("*" in action for action in actions)
        if statement["Resource"] == "*":
            assert actions <= WITHOUT_RESOURCES
        else:
            assert not actions & WITHOUT_RESOURCES


def test_only_the_service_itself_and_only_for_this_account_takes_the_roles(plain: Stack) -> None:
    rules = plain.trust["scheduler"]["Statement"].pop()
    assert rules == {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    for role, service in (("execution", "sagemaker"), ("scheduler", "scheduler")):
        (statement,) = plain.trust[role]["Statement"]
        assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert statement["Action"] == "sts:AssumeRole"
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT
    (statement,) = plain.trust["scheduler"]["Statement"]
    group = statement["Condition"]["StringEquals"]["aws:SourceArn"]
    assert group == arn("scheduler", "schedule-group/default")


def test_what_the_definition_reads_and_writes_is_allowed(plain: Stack, definition: str) -> None:
    """The real definition's own URIs and images, at its parameters' defaults."""
    bucket = plain.outputs["ArtifactBucketName"]
    members = json.loads(definition.replace("ecg-artifacts", bucket))
    values = {one["Name"]: one["DefaultValue"] for one in members["Parameters"]}
    calls = []
    for step in _processing(members["Steps"]):
        arguments = step["Arguments"]
        for one in arguments["ProcessingInputs"]:
            uri = _text(one["S3Input"]["S3Uri"], values)
            calls.append(Call("s3:GetObject", f"arn:aws:s3:::{uri.removeprefix('s3://')}"))
        for one in arguments["ProcessingOutputConfig"]["Outputs"]:
            uri = _text(one["S3Output"]["S3Uri"], values)
            calls.append(Call("s3:PutObject", f"arn:aws:s3:::{uri.removeprefix('s3://')}/x"))
        registry, _, repository = arguments["AppSpecification"]["ImageUri"].partition("/")
        image = f"repository/{repository.partition(':')[0]}"
        account = registry.partition(".")[0]
        calls.append(Call("ecr:BatchGetImage", arn("ecr", image, account=account)))
    assert len(calls) > 20
    assert [call for call in calls if not allowed(plain.execution, call)] == []


def _processing(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        if step["Type"] == "Processing":
            yield step
        yield from _processing(step["Arguments"].get("IfSteps", []))


def _text(value: Any, values: Mapping[str, Any]) -> str:
    if isinstance(value, str):
        return value
    if "Std:Join" in value:
        join = value["Std:Join"]
        return str(join["On"]).join(_text(one, values) for one in join["Values"])
    target = value["Get"]
    if target.startswith("Parameters."):
        return str(values[target.partition(".")[2]])
    if target == "Execution.PipelineExecutionId":
        return "p4jn9xou8a8s"
    # another step's output
    name = target.split("Outputs['")[1].split("'")[0]
    return f"s3://{values['OutputBucket']}/{values['OutputPrefix']}/p4jn9xou8a8s/step/{name}"


def test_the_bucket_is_encrypted_versioned_private_and_tls_only(template: dict[str, Any]) -> None:
    bucket = template["Resources"]["ArtifactBucket"]
    properties = bucket["Properties"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    algorithm = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
    assert algorithm == {"Fn::If": ["HasKey", "aws:kms", "AES256"]}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    (rule,) = properties["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}
    policy = template["Resources"]["ArtifactBucketPolicy"]["Properties"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert policy["Bucket"] == {"Ref": "ArtifactBucket"}
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Action"] == "s3:*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [
        {"Fn::GetAtt": ["ArtifactBucket", "Arn"]},
        {"Fn::Sub": "${ArtifactBucket.Arn}/*"},
    ]


def test_what_expires(template: dict[str, Any]) -> None:
    properties = template["Resources"]["ArtifactBucket"]["Properties"]
    _, everywhere, replaced, outputs = properties["LifecycleConfiguration"]["Rules"]
    assert everywhere["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert replaced["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    assert replaced["Prefix"] == {"Fn::Sub": "${OutputPrefix}/"}
    condition, rule, nothing = outputs["Fn::If"]
    assert (condition, nothing) == ("ExpiresRuns", {"Ref": "AWS::NoValue"})
    assert rule["ExpirationInDays"] == {"Ref": "ExpireRunsAfterDays"}
    assert rule["Prefix"] == {"Fn::Sub": "${OutputPrefix}/"}


@pytest.mark.parametrize(
    ("days", "taken"),
    [("", True), ("31", True), ("40", True), ("365", True), ("30", False), ("9", False)],
)
def test_outputs_outlive_the_cache(
    template: dict[str, Any], definition: str, days: str, taken: bool
) -> None:
    parameter = template["Parameters"]["ExpireRunsAfterDays"]
    assert bool(re.fullmatch(parameter["AllowedPattern"], days)) is taken
    cached = [step["CacheConfig"] for step in _processing(json.loads(definition)["Steps"])
              if step.get("CacheConfig", {}).get("Enabled")]  # fmt: skip
    assert cached
    assert {one["ExpireAfter"] for one in cached} == {"P30D"}


def test_the_bucket_tells_eventbridge_of_new_objects(template: dict[str, Any]) -> None:
    properties = template["Resources"]["ArtifactBucket"]["Properties"]
    assert properties["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }


def test_a_rule_may_leave_dead_letters(template: dict[str, Any]) -> None:
    policy = template["Resources"]["DeadLetterQueuePolicy"]["Properties"]
    assert policy["Queues"] == [{"Ref": "DeadLetterQueue"}]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    rule = statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
    assert rule.endswith(":rule/${PipelineName}*")


@pytest.mark.parametrize(
    ("role", "subjects"),
    [
        ("PlannerRole", ["pull_request", "ref:refs/heads/main"]),
        ("DeployerRole", ["environment:production"]),
    ],
)
def test_only_the_workflow_of_one_repository_takes_its_roles(
    template: dict[str, Any], role: str, subjects: list[str]
) -> None:
    made = template["Resources"][role]
    assert made["Condition"] == "HasGitHub"
    (statement,) = made["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    issuer = "token.actions.githubusercontent.com"
    (operator,) = statement["Condition"]
    assert operator == "StringEquals"
    assert statement["Condition"][operator] == {
        f"{issuer}:aud": "sts.amazonaws.com",
        f"{issuer}:sub": [{"Fn::Sub": f"repo:${{GitHubRepository}}:{one}"} for one in subjects],
    }
    workflow = (TEMPLATE.parents[1] / ".github" / "workflows" / "deploy.yml").read_text()
    assert f"vars.{role.removesuffix('Role').upper()}_ROLE_ARN" in workflow


def test_failed_executions_and_unstarted_runs_are_published(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    rule = resources["FailedExecutions"]["Properties"]
    detail = rule["EventPattern"]["detail"]
    assert rule["EventPattern"]["source"] == ["aws.sagemaker"]
    assert rule["EventPattern"]["detail-type"] == [
        "SageMaker Model Building Pipeline Execution Status Change"
    ]
    assert set(detail["currentPipelineExecutionStatus"]) == {"Failed", "CompletedWithFailures"}
    assert [target["Arn"] for target in rule["Targets"]] == [{"Ref": "Alerts"}]
    alarm = resources["UnstartedRuns"]["Properties"]
    assert alarm["AlarmActions"] == [{"Ref": "Alerts"}]
    assert alarm["Dimensions"][0]["Value"] == {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}
    # both may publish, and nobody else; EventBridge takes no condition there, CloudWatch does
    events, cloudwatch = resources["AlertsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    for statement, service in ((events, "events"), (cloudwatch, "cloudwatch")):
        assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert statement["Action"] == "sns:Publish"
        assert statement["Resource"] == {"Ref": "Alerts"}
    assert "Condition" not in events
    assert cloudwatch["Condition"] == {
        "ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["UnstartedRuns", "Arn"]}}
    }


def test_the_rule_in_the_account_matches_this_pipeline(server: Server) -> None:
    deploy(server, "rules", EVERYTHING)
    events = boto3.Session("testing", "testing", region_name=REGION).client(
        "events", endpoint_url=server.url
    )
    (rule,) = events.list_rules(NamePrefix="rules-")["Rules"]
    pattern = json.loads(rule["EventPattern"])
    assert pattern["detail"]["pipelineArn"] == [arn("sagemaker", "pipeline/ecg-all")]
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"].startswith("arn:aws:sns:")


def test_every_inline_policy_belongs_to_one_of_the_two_roles(template: dict[str, Any]) -> None:
    kinds = {name: one["Type"] for name, one in template["Resources"].items()}
    roles = [name for name, kind in kinds.items() if kind == "AWS::IAM::Role"]
    own = ["ExecutionRole", "SchedulerRole"]
    assert sorted(roles) == ["DeployerRole", "ExecutionRole", "PlannerRole", "SchedulerRole"]
    for name in roles:
        assert "Policies" not in template["Resources"][name]["Properties"]
        assert ("ManagedPolicyArns" in template["Resources"][name]["Properties"]) == (
            name not in own
        )
    for name, kind in kinds.items():
        if kind == "AWS::IAM::Policy":
            (role,) = template["Resources"][name]["Properties"]["Roles"]
            assert role["Ref"] in own


def test_the_registries_are_those_of_the_sdk(template: dict[str, Any]) -> None:
    spec = importlib.util.find_spec("sagemaker.core")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(next(iter(spec.submodule_search_locations))) / "image_uri_config"

    def registries(name: str, scope: str, version: str) -> dict[str, str]:
        config = json.loads((folder / f"{name}.json").read_text())
        found: dict[str, str] = config[scope]["versions"][version]["registries"]
        return found

    sklearn = registries("sklearn", "training", "1.9-0")
    spark = registries("spark", "processing", "3.5")
    assert template["Mappings"]["ManagedImages"] == {
        region: {"Sklearn": sklearn[region], "Spark": spark[region]}
        for region in sklearn.keys() & spark.keys()
    }


@pytest.mark.parametrize(("which", "parameters"), [("plain", {}), ("everything", EVERYTHING)])
def test_its_output_is_a_pipeline_toml(
    which: str,
    parameters: dict[str, str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack: Stack = request.getfixturevalue(which)
    text = stack.outputs["PipelineToml"]
    monkeypatch.delenv("AWS_REGION")
    (tmp_path / "pipeline.toml").write_text(text)
    sources = configuration.read(argparse.Namespace(), "ecg-pca")
    deployment = sources.deployment()
    assert deployment.settings.role_arn == stack.outputs["RoleArn"]
    assert deployment.settings.artifact_bucket == stack.outputs["ArtifactBucketName"]
    assert deployment.settings.pipeline_name == parameters.get("PipelineName", "ecg-pca")
    assert deployment.settings.region == REGION
    assert deployment.scheduler_role_arn == stack.outputs["SchedulerRoleArn"]
    assert deployment.dead_letter_queue_arn == stack.outputs["DeadLetterQueueArn"]
    if parameters:
        assert deployment.settings.subnets == ("subnet-1", "subnet-2")
        assert deployment.settings.security_group_ids == ("sg-1", "sg-2")
        assert deployment.settings.volume_kms_key == deployment.settings.output_kms_key == KEY
        assert deployment.artifact_kms_key == KEY
    bucket = deployment.settings.artifact_bucket
    assert deployment.defaults == {
        "InputBucket": parameters.get("InputBucket", bucket),
        "InputPrefix": "raw",
        "OutputBucket": parameters.get("OutputBucket", bucket),
        "OutputPrefix": "runs",
    }
    # nothing in it is left unread
    assert set(tomllib.loads(text)) == {
        *("pipelines", "env"),
        *(name for name in sources.values if sources.origin(name) == "pipeline.toml"),
    }


def test_a_trial_keeps_to_what_a_fresh_account_may_have(plain: Stack, tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text(plain.outputs["PipelineToml"])
    common, trial = (
        configuration.read(argparse.Namespace(env=env), "ecg-pca").deployment()
        for env in (None, "trial")
    )
    assert trial.settings == common.settings
    document = PROJECT["ecg-pca"].built(trial.settings, trial.defaults).document
    assert validate(document) == []
    pipeline = Definition.read(document)
    for step in pipeline.of_type("Processing"):
        cluster = step.arguments["ProcessingResources"]["ClusterConfig"]
        type_, count = (pipeline.known(cluster[f"Instance{one}"]) for one in ("Type", "Count"))
        quota = fake_account.DEFAULTS[f"{type_} for processing job usage"]
        assert 1 <= count <= quota, (step.name, type_)


def test_a_trial_is_the_same_in_the_example(plain: Stack) -> None:
    example = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    ours = tomllib.loads(plain.outputs["PipelineToml"])
    assert example["env"] == ours["env"]


def test_parameters_default_to_the_pipelines_own(template: dict[str, Any], definition: str) -> None:
    declared = {one["Name"]: one for one in json.loads(definition)["Parameters"]}
    for name, ours in (("InputPrefix", "InputPrefixes"), ("OutputPrefix", "OutputPrefix")):
        assert template["Parameters"][ours]["Default"] == declared[name]["DefaultValue"]
    for name in ("ArtifactPrefix", "PipelineName"):
        assert template["Parameters"][name]["Default"] == PROJECT.pipeline().name
