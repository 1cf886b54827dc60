"""Where settings come from, and which source wins."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagepipe.aws import boto, studio
from sagepipe.errors import AwsError, SettingsError
from sagepipe.settings import configuration, options
from sagepipe.settings.configuration import Deployment, Target
from sagepipe.settings.facts import Settings

EXAMPLE = Path(__file__).parents[3] / "pipeline.example.toml"

ACCOUNT, REGION, BUCKET = "123456789012", "eu-west-1", "a-bucket"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/execution"
SCHEDULER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/scheduler"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads this machine's settings or finds a pipeline.toml."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "PIPELINE_", "SAGEMAKER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studio, "METADATA", tmp_path / "no-metadata.json")
    boto._session.cache_clear()


STUDIO = {
    "ResourceArn": f"arn:aws:sagemaker:us-west-2:{ACCOUNT}:app/d-1/me/JupyterLab/default",
    "ResourceName": "default",
    "DomainId": "d-1",
}


def parsed(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    configuration.add_arguments(parser)
    configuration.add_deployment_arguments(parser)
    return parser.parse_args(options)


def made(*options: str) -> Deployment:
    return configuration.read(parsed(*options), "tables").deployment()


def toml(text: str) -> None:
    Path("pipeline.toml").write_text(text)


@pytest.fixture
def in_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(**more: Any) -> None:
        path = tmp_path / "resource-metadata.json"
        path.write_text(json.dumps(STUDIO | more))
        monkeypatch.setattr(studio, "METADATA", path)
        monkeypatch.delenv("AWS_REGION", raising=False)

    return put


FULL = f"""\
role_arn = "{ROLE}"
artifact_bucket = "from-file"
artifact_prefix = "a/b"
artifact_kms_key = "alias/scripts"
alias = "live"
max_parallel_steps = 3
subnets = ["subnet-1", "subnet-2"]
security_group_ids = ["sg-1"]
volume_kms_key = "alias/volumes"
output_kms_key = "alias/outputs"
network_isolation = true
inter_container_encryption = true
sklearn_image = "sklearn:1"
spark_image = "spark:1"
scheduler_role_arn = "{SCHEDULER_ROLE}"
dead_letter_queue_arn = "arn:aws:sqs:eu-west-1:1:q"
[tags]
team = "ecg"
[pipelines.tables.schedule]
expression = "rate(1 day)"
[pipelines.tables.parameters]
Seed = 7
"""


def test_everything_from_the_file() -> None:
    toml(FULL)
    assert made() == Deployment(
        Settings(
            region=REGION,
            role_arn=ROLE,
            artifact_bucket="from-file",
            artifact_prefix="a/b",
            pipeline_name="tables",
            sklearn_image="sklearn:1",
            spark_image="spark:1",
            subnets=("subnet-1", "subnet-2"),
            security_group_ids=("sg-1",),
            volume_kms_key="alias/volumes",
            output_kms_key="alias/outputs",
            network_isolation=True,
            inter_container_encryption=True,
            tags=(("team", "ecg"),),
        ),
        artifact_kms_key="alias/scripts",
        alias="live",
        max_parallel_steps=3,
        scheduler_role_arn=SCHEDULER_ROLE,
        dead_letter_queue_arn="arn:aws:sqs:eu-west-1:1:q",
        defaults={"Seed": 7},
        schedule={"expression": "rate(1 day)"},
    )


CASES: list[tuple[str, str, str, Any]] = [
    # setting, on the command line, in the environment, what both mean
    ("pipeline_name", "--pipeline-name p", "p", "p"),
    ("artifact_bucket", "--artifact-bucket bbb", "bbb", "bbb"),
    ("artifact_prefix", "--artifact-prefix x", "x", "x"),
    ("subnets", "--subnets s-1,s-2", " s-1, s-2 ", ("s-1", "s-2")),
    ("security_group_ids", "--security-group-ids g", "g", ("g",)),
    ("tags", "--tag a=b --tag c=d", "a=b,c=d", (("a", "b"), ("c", "d"))),
    ("volume_kms_key", "--volume-kms-key k", "k", "k"),
    ("output_kms_key", "--output-kms-key k", "k", "k"),
    ("sklearn_image", "--sklearn-image i", "i", "i"),
    ("spark_image", "--spark-image i", "i", "i"),
    ("network_isolation", "--no-network-isolation", "false", False),
    ("inter_container_encryption", "--no-inter-container-encryption", "0", False),
    ("alias", "--alias x", "x", "x"),
    ("max_parallel_steps", "--max-parallel-steps 9", "9", 9),
    ("artifact_kms_key", "--artifact-kms-key k", "k", "k"),
    ("scheduler_role_arn", "--scheduler-role-arn r", "r", "r"),
    ("dead_letter_queue_arn", "--dead-letter-queue-arn q", "q", "q"),
]


def value_of(deployment: Deployment, name: str) -> Any:
    return getattr(deployment if hasattr(deployment, name) else deployment.settings, name)


@pytest.mark.parametrize(("name", "given", "text", "meant"), CASES)
def test_command_line_over_environment_over_file(
    monkeypatch: pytest.MonkeyPatch, name: str, given: str, text: str, meant: Any
) -> None:
    variable = f"PIPELINE_{name.upper()}"
    toml(FULL)
    in_file = value_of(made(), name)
    assert in_file != meant
    assert value_of(made(*given.split()), name) == meant
    monkeypatch.setenv(variable, text)
    assert value_of(made(), name) == meant
    # What a stronger source hides isn't even looked at.
    monkeypatch.setenv(variable, "not, to be = read!")
    assert value_of(made(*given.split()), name) == meant
    # An empty variable is none.
    monkeypatch.setenv(variable, "")
    assert value_of(made(), name) == in_file


def test_region(monkeypatch: pytest.MonkeyPatch, in_studio: Callable[..., None]) -> None:
    def region(*options: str) -> str:
        return configuration.read(parsed(*options), "tables").target().region

    toml('region = "eu-central-1"')
    assert region() == REGION  # AWS_REGION
    monkeypatch.setenv("PIPELINE_REGION", "ap-south-1")
    assert region() == "ap-south-1"
    assert region("--region", "us-east-2") == "us-east-2"
    monkeypatch.delenv("PIPELINE_REGION")
    monkeypatch.delenv("AWS_REGION")
    assert region() == "eu-central-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "sa-east-1")
    assert region() == "sa-east-1"
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    in_studio()
    assert region() == "eu-central-1"
    Path("pipeline.toml").unlink()
    assert region() == "us-west-2"


def test_region_of_the_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_REGION")
    file = tmp_path / "aws-config"
    file.write_text("[profile ecg]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "ecg")
    assert configuration.read(parsed(), "tables").target() == Target("eu-north-1", "tables")


def test_a_missing_setting_names_all_three_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(SettingsError) as caught:
        made()
    lines = str(caught.value).splitlines()
    for line, name, option in zip(
        lines,
        ("region", "role_arn", "artifact_bucket"),
        ("--region", "--role-arn", "--artifact-bucket"),
        strict=True,
    ):
        assert line.startswith(f"{name} is missing")
        assert f"give {option}, set PIPELINE_{name.upper()}, or write {name} into " in line
        assert line.endswith("pipeline.toml")


def test_a_trigger_needs_a_role() -> None:
    declared = FULL.replace(".schedule]\nexpression", ".trigger]\nuri")
    assert declared != FULL
    toml(re.sub(r"scheduler_role_arn.*\n", "", declared))
    with pytest.raises(SettingsError, match=r"scheduler_role_arn is missing.*--scheduler-role-arn"):
        made()


def test_a_schedule_needs_a_role() -> None:
    toml(re.sub(r"scheduler_role_arn.*\n", "", FULL))
    with pytest.raises(SettingsError, match=r"scheduler_role_arn is missing.*--scheduler-role-arn"):
        made()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("role = 1", "pipeline.toml: no setting is called role; do you mean role_arn"),
        ("xyz = 1", "no setting is called xyz; there are region, pipeline_name"),
        ("role_arn = 1", "role_arn is 1; it must be a string"),
        ('network_isolation = "yes"', "network_isolation is 'yes'; it must be true or false"),
        ("max_parallel_steps = true", "max_parallel_steps is True; it must be a whole number"),
        ('subnets = "subnet-1"', "subnets is 'subnet-1'; it must be an array of strings"),
        ("subnets = [1]", "it must be an array of strings"),
        ("tags = 1", r"it must be a table of strings: \[tags\]"),
        ("[tags]\na = 1", "it must be a table of strings"),
        ("schedule = 1", r"schedule belongs to one pipeline"),
        ("region = ", "pipeline.toml isn't TOML: .*line 3"),
        ('role_arn = "nobody"', r"role_arn is 'nobody'.*\(it comes from pipeline.toml\)"),
        ('alias = "1234"', "alias is '1234'.*not digits only.*from pipeline.toml"),
        ("max_parallel_steps = 0", "max_parallel_steps is 0; at least 1"),
        ('artifact_kms_key = "a b"', "artifact_kms_key is 'a b'"),
        ('subnets = ["subnet-1"]', "subnets without security_group_ids"),
    ],
)
def test_a_wrong_file(text: str, message: str) -> None:
    toml("" if text.startswith("role") else f'role_arn = "{ROLE}"\n')
    with Path("pipeline.toml").open("a") as file:
        file.write(f'artifact_bucket = "bucket"\n{text}\n')
    with pytest.raises(SettingsError, match=message):
        made()


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("PIPELINE_NETWORK_ISOLATION", "yes", "PIPELINE_NETWORK_ISOLATION is 'yes'"),
        ("PIPELINE_MAX_PARALLEL_STEPS", "few", "PIPELINE_MAX_PARALLEL_STEPS is 'few'"),
        ("PIPELINE_TAGS", "team", "PIPELINE_TAGS has 'team'; write KEY=VALUE"),
        ("PIPELINE_ARTIFACT_BUCKET", "s3://b", "it comes from PIPELINE_ARTIFACT_BUCKET"),
    ],
)
def test_a_wrong_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, message: str
) -> None:
    toml(FULL)
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingsError, match=message):
        made()


def test_another_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(FULL)
    assert made("--config", str(other)).settings.artifact_bucket == "from-file"
    monkeypatch.setenv("PIPELINE_CONFIG", str(other))
    assert made().settings.artifact_bucket == "from-file"
    with pytest.raises(SettingsError, match=r"missing\.toml can't be read: No such file.*--config"):
        made("--config", "missing.toml")


def test_studio(in_studio: Callable[..., None]) -> None:
    in_studio(ExecutionRoleArn=ROLE)
    settings = made().settings
    bucket = f"sagemaker-us-west-2-{ACCOUNT}"
    assert settings == Settings("us-west-2", ROLE, bucket, "tables", "tables")
    # The bucket is that of the region which is used.
    assert made("--region", REGION).settings.artifact_bucket == f"sagemaker-{REGION}-{ACCOUNT}"
    toml(f'artifact_bucket = "{BUCKET}"')
    assert made().settings.artifact_bucket == BUCKET


def test_studio_without_a_role_in_its_metadata(
    in_studio: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_studio()
    calls: list[str] = []

    def role(region: str) -> str:
        calls.append(region)
        return ROLE

    monkeypatch.setattr(studio, "assumed_role", role)
    assert made().settings.role_arn == ROLE
    assert calls == ["us-west-2"]
    assert made("--role-arn", ROLE + "x").settings.role_arn == ROLE + "x"
    assert calls == ["us-west-2"]
    monkeypatch.setattr(studio, "assumed_role", lambda _: None)
    with pytest.raises(SettingsError, match="role_arn is missing"):
        made()


class _Client:
    def __init__(self, arn: str, role: str | None) -> None:
        self._arn, self._role = arn, role

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": self._arn, "Account": "123456789012"}

    def get_role(self, RoleName: str) -> dict[str, Any]:
        if self._role is None:
            raise AwsError("no", "AccessDenied")
        return {"Role": {"Arn": f"{self._role}/{RoleName}"}}


STUDIOS_OWN = "AmazonSageMaker-ExecutionRole-2026"


@pytest.mark.parametrize(
    ("name", "known", "role"),
    [
        ("ecg", f"arn:aws:iam::{ACCOUNT}:role/team", "team/ecg"),
        ("ecg", None, "ecg"),
        (STUDIOS_OWN, None, f"service-role/{STUDIOS_OWN}"),
    ],
)
def test_the_role_in_use(
    monkeypatch: pytest.MonkeyPatch, name: str, known: str | None, role: str
) -> None:
    client = _Client(f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session", known)
    monkeypatch.setattr("sagepipe.aws.boto.client", lambda *_: client)
    assert studio.assumed_role(REGION) == f"arn:aws:iam::{ACCOUNT}:role/{role}"


def test_a_user_is_no_role(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _Client(f"arn:aws:iam::{ACCOUNT}:user/me", None)
    monkeypatch.setattr("sagepipe.aws.boto.client", lambda *_: client)
    assert studio.assumed_role(REGION) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ResourceArn": "arn:aws:s3:::x"}'])
def test_other_metadata_is_no_studio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = tmp_path / "metadata.json"
    path.write_text(text)
    monkeypatch.setattr(studio, "METADATA", path)
    assert studio.find() is None


def test_the_example_is_complete() -> None:
    """As it stands it is valid, and with every comment taken away too; and it lacks nothing."""
    text = EXAMPLE.read_text()
    toml(text)
    arguments = parsed("--region", REGION)
    assert configuration.read(arguments, "ecg-pca").deployment().settings.pipeline_name == "ecg-pca"
    toml(re.sub(r"^# (?=\w+ = |\[)", "", text, flags=re.MULTILINE).replace('"…"', '"image:1"'))
    deployment = configuration.read(arguments, "ecg-pca").deployment()
    assert deployment.schedule is not None
    assert deployment.alias == "live"
    assert deployment.settings.tags == (("team", "ecg"),)
    assert deployment.defaults == {"InputPrefix": "raw/2026"}
    prod = configuration.read(parsed("--region", REGION, "--env", "prod"), "ecg-pca").deployment()
    assert prod.defaults == {"InputPrefix": "raw/2026", "PcaInstanceCount": 16}
    trial = configuration.read(parsed("--region", REGION, "--env", "trial"), "ecg-pca").deployment()
    assert trial.defaults.items() > deployment.defaults.items()
    for option in options.KNOWN:
        assert re.search(rf"^(# )?\[?{option}\b", text, re.MULTILINE), option
