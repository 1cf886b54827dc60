from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import PROJECT, ecg_pca
from pipelines.places import CODE
from sagepipe import Build, Parameter
from sagepipe.building import sdk
from sagepipe.building.build import Built, build
from sagepipe.building.bundle import Bundle
from sagepipe.building.parameters import resolve
from sagepipe.cli.frame import run_verb
from sagepipe.errors import DefinitionError, Problem
from sagepipe.language.definition import Definition
from sagepipe.language.validate import validate, warnings
from sagepipe.settings.facts import Settings

ROOT = Path(__file__).resolve().parents[3]
JOBS = ("Preprocess", "Pca", "SparkTransform")
LOCAL = Settings.local("ecg-pca")

# Python reads this at its start. Whatever wants to reach out is written down, as a thread of the
# SDK's would swallow the exception, and refused.
NO_NETWORK = """
import os, socket
def refuse(*arguments, **options):
    with open(os.environ["NETWORK_LOG"], "a") as log:
        print(arguments[1:], file=log)
    raise OSError("no network here")
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = socket.gethostbyname = refuse
"""

# A user's own configuration files, which must have no say in a definition.
SAGEMAKER_CONFIG = """
SchemaVersion: "1.0"
SageMaker:
  ProcessingJob:
    Environment: {FROM_THE_USERS_FILE: "1"}
"""


@pytest.fixture
def jobs(members: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the processing steps by step."""
    return {s.name: dict(s.arguments) for s in Definition.read(members).of_type("Processing")}


def test_it_is_valid(members: dict[str, Any]) -> None:
    assert validate(members) == []


def test_it_is_canonical(text: str, members: dict[str, Any]) -> None:
    assert text == json.dumps(members, sort_keys=True, separators=(",", ":"))
    assert set(members) == {"Version", "Metadata", "Parameters", "Steps"}


def test_steps(members: dict[str, Any]) -> None:
    read = Definition.read(members)
    assert [(s.name, s.type, s.home) for s in read.written] == [
        ("Preprocess", "Processing", ""),
        ("Pca", "Processing", ""),
        ("QualityGate", "Condition", ""),
        ("SparkTransform", "Processing", "QualityGate.IfSteps"),
        ("QualityGateFailed", "Fail", "QualityGate.ElseSteps"),
    ]
    assert {(r.source, r.target) for r in read.references} == {
        ("Pca", "Preprocess"),
        ("QualityGate", "Pca"),
        ("SparkTransform", "Pca"),
        ("QualityGateFailed", "Pca"),
    }


def test_other_processes_folders_hash_seeds_and_configurations_give_the_same_bytes(
    text: str, tmp_path: Path
) -> None:
    """Also without network and credentials, and with nothing on stderr."""
    checkout = tmp_path / "another place"
    for folder in ("sagepipe", "pipelines", "steps", "code"):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, checkout / folder, ignore=skipped)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_NETWORK)
    (tmp_path / "sagemaker.yaml").write_text(SAGEMAKER_CONFIG)
    (tmp_path / "aws").write_text("this is [no configuration")
    plain = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(tmp_path / "site"),
        "NETWORK_LOG": str(tmp_path / "network.log"),
    }
    misleading = {
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(tmp_path / "sagemaker.yaml"),
        "AWS_CONFIG_FILE": str(tmp_path / "aws"),
        "AWS_PROFILE": "not-there",
        "AWS_REGION": "eu-north-1",
    }
    running = [
        _start(ROOT, {**plain, "PYTHONHASHSEED": "1"}),
        _start(checkout, {**plain, **misleading, "PYTHONHASHSEED": "2"}),
    ]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert err == ""
        assert process.returncode == 0
        assert out == text + "\n"
    assert not (tmp_path / "network.log").exists(), (tmp_path / "network.log").read_text()


def _start(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-B", "-m", "pipelines.definition"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_building_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    import boto3

    monkeypatch.setenv("AWS_PROFILE", "mine")
    before = dict(os.environ), boto3.DEFAULT_SESSION, list(logging.getLogger().handlers)
    build(ecg_pca.build, CODE, LOCAL)
    assert (dict(os.environ), boto3.DEFAULT_SESSION, logging.getLogger().handlers) == before


def test_asking_twice_gives_the_same() -> None:
    pipeline: Any = ecg_pca.build(Build(LOCAL, Bundle(CODE, "bucket", "prefix")))
    with sdk.offline("us-east-1"):
        assert pipeline.definition() == pipeline.definition()
    assert pipeline.name == "ecg-pca"


def test_what_needs_no_sdk_imports_none() -> None:
    names = "pipelines, pipelines.ecg_pca, steps.pca, sagepipe.building.sdk, sagepipe.cli.upsert"
    program = f"import sys, {names}; print([m for m in sys.modules if m.startswith('sagemaker')])"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


def test_nothing_in_the_cache_key_holds_the_execution(jobs: dict[str, Any]) -> None:
    for name in JOBS:
        for member in ("AppSpecification", "Environment", "ProcessingInputs"):
            assert "Execution." not in json.dumps(jobs[name][member]), (name, member)


def test_every_output_has_a_prefix_of_the_execution_s_own(jobs: dict[str, Any]) -> None:
    seen = []
    for name in JOBS:
        for output in jobs[name]["ProcessingOutputConfig"]["Outputs"]:
            join = output["S3Output"]["S3Uri"]["Std:Join"]
            assert join["Values"][:4] == [
                "s3:/",
                {"Get": "Parameters.OutputBucket"},
                {"Get": "Parameters.OutputPrefix"},
                {"Get": "Execution.PipelineExecutionId"},
            ]
            seen.append("/".join(join["Values"][4:]))
    assert len(seen) == 10
    # An input takes everything that begins with its URI: no output's may begin with another's.
    assert not [(a, b) for a in seen for b in seen if a != b and b.startswith(a)]


def test_every_parameter_is_used(text: str) -> None:
    unused = [p.name for p in ecg_pca.PARAMETERS if f'"Parameters.{p.name}"' not in text]
    assert unused == []


def test_every_job_is_retried_and_limited(members: dict[str, Any]) -> None:
    for step in Definition.read(members).of_type("Processing"):
        retried = [t for policy in step.body["RetryPolicies"] for t in policy["ExceptionType"]]
        assert sorted(retried) == [
            "SageMaker.CAPACITY_ERROR",
            "SageMaker.JOB_INTERNAL_ERROR",
            "SageMaker.RESOURCE_LIMIT",
            "Step.SERVICE_FAULT",
            "Step.THROTTLING",
        ]
        assert step.arguments["StoppingCondition"]["MaxRuntimeInSeconds"] >= 3600
    assert PROJECT["ecg-pca"].max_parallel_steps == 4


def test_a_quota_that_is_too_small_is_known_within_minutes(members: dict[str, Any]) -> None:
    for step in Definition.read(members).of_type("Processing"):
        (policy,) = [
            one
            for one in step.body["RetryPolicies"]
            if "SageMaker.RESOURCE_LIMIT" in one["ExceptionType"]
        ]
        assert policy["ExceptionType"] == ["SageMaker.RESOURCE_LIMIT"]
        assert policy["ExpireAfterMin"] <= 20


def test_what_reads_a_prefix_that_people_add_to_is_not_cached(members: dict[str, Any]) -> None:
    cached = {step.name for step in Definition.read(members).written if step.cache.enabled}
    assert cached == {"Pca", "SparkTransform"}
    assert warnings(members) == []
    # Were it cached, its author would be told.
    members["Steps"][0]["CacheConfig"] = {"Enabled": True, "ExpireAfter": "P30D"}
    (told,) = warnings(members)
    assert told.step == "Preprocess"
    assert "compares URIs, not contents" in told.message


def test_how_data_is_shared_out(jobs: dict[str, Any]) -> None:
    shared = {
        (step, entry["InputName"]): entry["S3Input"]["S3DataDistributionType"]
        for step in JOBS
        for entry in jobs[step]["ProcessingInputs"]
    }
    sharded = {channel for channel, how in shared.items() if how == "ShardedByS3Key"}
    assert sharded == {
        ("Preprocess", "raw"),
        *(("Pca", split) for split in ("train", "validation", "test")),
    }


def test_the_code_is_the_bundle(jobs: dict[str, Any], built: Built) -> None:
    uris = {one.name: f"s3://{built.bucket}/{one.key}" for one in built.artifacts}
    scripts = {
        "Preprocess": "preprocess.py",
        "Pca": "pca.py",
        "SparkTransform": "spark_transform.py",
    }
    for step, script in scripts.items():
        inputs = {i["InputName"]: i["S3Input"] for i in jobs[step]["ProcessingInputs"]}
        entrypoint = jobs[step]["AppSpecification"]["ContainerEntrypoint"]
        assert inputs["code"]["S3Uri"] == uris[script]
        assert entrypoint[-1] == f"/opt/ml/processing/input/code/{script}"
        if step == "SparkTransform":
            assert inputs["conf"]["S3Uri"] == uris["configuration.json"]
            assert entrypoint[entrypoint.index("--py-files") + 1] == uris["ecglib.zip"]
        else:
            assert inputs["lib"]["S3Uri"] == uris["ecglib.zip"]
            path = jobs[step]["Environment"]["PYTHONPATH"]
            assert path == f"{inputs['lib']['LocalPath']}/ecglib.zip"


def test_another_script_changes_the_step_that_runs_it_and_no_other(
    text: str, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "code", tmp_path / "code")
    with (tmp_path / "code" / "pca.py").open("a") as script:
        script.write("# changed\n")
    other = Definition.read(build(ecg_pca.build, tmp_path / "code", LOCAL).document)
    before = Definition.read(json.loads(text)).steps
    changed = [step.name for step in other.written if step.body != before[step.name].body]
    assert changed == ["Pca"]


def test_settings_reach_every_job() -> None:
    settings = dataclasses.replace(
        LOCAL,
        region="eu-west-1",
        role_arn="arn:aws:iam::123456789012:role/ecg",
        pipeline_name="mine",
        sklearn_image="registry/sklearn:1",
        subnets=("subnet-1", "subnet-2"),
        security_group_ids=("sg-1",),
        volume_kms_key="alias/volume",
        output_kms_key="alias/output",
        network_isolation=True,
        inter_container_encryption=True,
        tags=(("team", "ecg"),),
    )
    members = build(ecg_pca.build, CODE, settings).document
    assert validate(members) == []
    for step in Definition.read(members).of_type("Processing"):
        arguments = step.arguments
        spark = step.name == "SparkTransform"
        assert arguments["NetworkConfig"] == {
            "EnableNetworkIsolation": not spark,
            "EnableInterContainerTrafficEncryption": True,
            "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
        }
        assert arguments["RoleArn"] == "arn:aws:iam::123456789012:role/ecg"
        assert arguments["ProcessingOutputConfig"]["KmsKeyId"] == "alias/output"
        cluster = arguments["ProcessingResources"]["ClusterConfig"]
        assert cluster["VolumeKmsKeyId"] == "alias/volume"
        assert arguments["Tags"] == [{"Key": "team", "Value": "ecg"}]
        image = arguments["AppSpecification"]["ImageUri"]
        assert ("eu-west-1" in image) if spark else image == "registry/sklearn:1"


def _configuration(built: Built) -> bytes:
    """What Spark is configured with, as it is uploaded."""
    (found,) = [one.data for one in built.artifacts if one.name == "configuration.json"]
    return found


def test_what_spark_writes_itself_is_encrypted_with_the_key_of_outputs(built: Built) -> None:
    before = json.loads(_configuration(built))
    settings = dataclasses.replace(LOCAL, output_kms_key="alias/output")
    encrypted = build(ecg_pca.build, CODE, settings)
    core_site = {
        "Classification": "core-site",
        "Properties": {
            "fs.s3a.encryption.algorithm": "SSE-KMS",
            "fs.s3a.encryption.key": "alias/output",
        },
    }
    assert json.loads(_configuration(encrypted)) == [*before, core_site]
    # Another key is another configuration, under a name of its own.
    uris = {
        i["S3Input"]["S3Uri"]
        for document in (built.document, encrypted.document)
        for i in Definition.read(document).steps["SparkTransform"].arguments["ProcessingInputs"]
        if i["InputName"] == "conf"
    }
    assert len(uris) == 2


def test_without_a_key_of_outputs_spark_is_told_of_no_encryption(built: Built) -> None:
    other_keys = dataclasses.replace(LOCAL, volume_kms_key="alias/volume")
    for one in (built, build(ecg_pca.build, CODE, other_keys)):
        assert b"core-site" not in _configuration(one)
        assert b"encryption" not in _configuration(one)


def test_without_network_settings_there_is_no_network_config(jobs: dict[str, Any]) -> None:
    assert [name for name in JOBS if "NetworkConfig" in jobs[name]] == []


# --- the scripts' side of the contract ---------------------------------------------------------


def _parser(script: str, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """The parser of a script, caught when its main uses it."""
    monkeypatch.syspath_prepend(str(ROOT / "code"))
    module = importlib.import_module(script)

    class Caught(Exception):
        pass

    def catch(parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise Caught(parser)

    with monkeypatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_args", catch)
        with pytest.raises(Caught) as caught:
            module.main([])
    parser = caught.value.args[0]
    assert isinstance(parser, argparse.ArgumentParser)
    return parser


@pytest.mark.parametrize(
    ("step", "script"),
    [("Preprocess", "preprocess"), ("Pca", "pca"), ("SparkTransform", "spark_transform")],
)
def test_a_script_takes_its_arguments_and_the_parameters_defaults_are_its_own(
    members: dict[str, Any], step: str, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = _parser(script, monkeypatch)
    pipeline = Definition.read(members)
    written = pipeline.steps[step].arguments["AppSpecification"]["ContainerArguments"]
    arguments = list(_strings(pipeline, written))
    given = vars(parser.parse_args(arguments))

    required = [a for a in parser._actions if a.required]
    minimum = [part for a in required for part in (a.option_strings[0], "s3://b/x")]
    if script == "spark_transform":  # one of two options that exclude each other
        minimum = ["--input", "s3://b/x", "--output-name", "features"]
    defaults = vars(parser.parse_args(minimum))

    options = dict(zip(written[::2], written[1::2], strict=True))
    texts = {option: json.dumps(value) for option, value in options.items()}
    # a location is put together from several parameters; no script has one as its default
    mirrored = [o for o, text in texts.items() if "Parameters." in text and "Bucket" not in text]
    assert mirrored
    for option in mirrored:
        destination = option.removeprefix("--").replace("-", "_")
        assert given[destination] == defaults[destination], option


def _strings(pipeline: Definition, written: list[Any]) -> Iterator[str]:
    """Arguments as a container gets them, parameters at their defaults."""
    for value in written:
        if isinstance(value, dict) and "Std:Join" in value:
            yield "".join(str(pipeline.known(v)) for v in value["Std:Join"]["Values"])
        elif isinstance(value, dict) and value["Get"].startswith("Steps."):
            yield "s3://bucket/some/output"
        else:
            yield str(pipeline.known(value))


# --- the command -------------------------------------------------------------------------------


def test_the_command_prints_what_deploys(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb("definition", [], project=PROJECT) == 0
    assert capsys.readouterr().out == text + "\n"
    assert run_verb("definition", ["ecg-pca", "--indent"], project=PROJECT) == 0
    indented = capsys.readouterr().out
    assert indented.count("\n") > 300
    assert json.loads(indented) == json.loads(text)


def test_a_region_without_managed_images_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb("definition", ["--region", "xx-north-9"], project=PROJECT) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        "error: region 'xx-north-9' has no managed sklearn image; check the region, or set"
    )
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", [pipeline.name for pipeline in PROJECT])
def test_every_pipeline_is_valid_and_declares_what_it_documents(name: str) -> None:
    pipeline = PROJECT[name]
    document = pipeline.built(Settings.local(name)).document
    assert validate(document) == []
    declared = [
        Parameter(
            one["Name"], one["Type"], one["DefaultValue"], "", tuple(one.get("EnumValues", ()))
        )
        for one in document["Parameters"]
    ]
    expected = [
        dataclasses.replace(one, description="")
        for one in resolve(pipeline.parameters, Settings.local(name))
    ]
    assert declared == expected


def test_a_definition_s_defaults_can_be_replaced() -> None:
    replaced = build(ecg_pca.build, CODE, LOCAL, {"PcaInstanceCount": 3, "Leads": "ii"})
    defaults = {one["Name"]: one["DefaultValue"] for one in replaced.document["Parameters"]}
    assert (defaults["PcaInstanceCount"], defaults["Leads"], defaults["Seed"]) == (3, "ii", 0)


def test_a_definition_error_says_all() -> None:
    error = DefinitionError([Problem("A", "Name", "is odd"), Problem("", "", "is long")])
    assert str(error) == "step 'A', Name: is odd\npipeline: is long"
    assert error.problems[0].step == "A"
    assert error.exit_code == 1


def test_the_sdk_takes_the_configuration_that_is_no_longer_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    from sagemaker.core.config.config_manager import SageMakerConfig

    from sagepipe.building import sdk

    SageMakerConfig.validate_sagemaker_config(sdk._TELEMETRY_OPT_OUT)
