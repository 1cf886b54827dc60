"""A fixture project for tests of machinery: one pipeline, `tables`, built without an SDK.

Clean ─▶ Fit (8 instances) ─▶ Gate ─▶ Export, or GateFailed
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagepipe import Build, Pipeline, Project
from sagepipe.building.build import Builder

Json = Any

CODE = Path(__file__).parent / "tables_code"
INPUT, OUTPUT = "/opt/ml/processing/input", "/opt/ml/processing/output"
STEPS = ("Clean", "Fit", "Gate", "Export", "GateFailed")

RETRIES = [
    {
        "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
        "IntervalSeconds": 10,
        "BackoffRate": 2.0,
        "MaxAttempts": 6,
    },
    {
        "ExceptionType": ["SageMaker.CAPACITY_ERROR"],
        "IntervalSeconds": 300,
        "BackoffRate": 1.5,
        "ExpireAfterMin": 240,
    },
]


def get(path: str) -> Json:
    return {"Get": path}


def output_uri(step: str, name: str) -> Json:
    return get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")


def parameter(name: str, type_: str, default: Json, *choices: str) -> Json:
    made = {"Name": name, "Type": type_, "DefaultValue": default}
    return made | {"EnumValues": list(choices)} if choices else made


def s3_input(name: str, uri: Json, *, sharded: bool = False) -> Json:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{INPUT}/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "ShardedByS3Key" if sharded else "FullyReplicated",
        },
    }


def s3_output(step: str, name: str) -> Json:
    where = [get("Parameters.OutputBucket"), get("Parameters.OutputPrefix")]
    run = get("Execution.PipelineExecutionId")
    return {
        "OutputName": name,
        "S3Output": {
            "S3Uri": {"Std:Join": {"On": "/", "Values": ["s3:/", *where, run, step, name]}},
            "LocalPath": f"{OUTPUT}/{name}",
            "S3UploadMode": "EndOfJob",
        },
    }


def processing(
    build: Build, name: str, inputs: list[Json], outputs: list[str], arguments: list[Json]
) -> Json:
    """A processing step that runs `<name>.py`."""
    settings, script = build.settings, f"{name.lower()}.py"
    request = {
        "AppSpecification": {
            "ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/tables:1",
            "ContainerEntrypoint": ["python3", f"{INPUT}/code/{script}"],
            "ContainerArguments": arguments,
        },
        "Environment": {"PYTHONPATH": f"{INPUT}/lib/tablelib.zip"},
        "ProcessingInputs": [
            *inputs,
            s3_input("code", build.code.script(script)),
            s3_input("lib", build.code.package("tablelib")),
        ],
        "ProcessingOutputConfig": {"Outputs": [s3_output(name.lower(), one) for one in outputs]},
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": get(f"Parameters.{name}InstanceType"),
                "InstanceCount": get(f"Parameters.{name}InstanceCount"),
                "VolumeSizeInGB": 30,
            }
        },
        "RoleArn": settings.role_arn,
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    }
    if settings.tags:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in settings.tags]
    return {"Name": name, "Type": "Processing", "Arguments": request, "RetryPolicies": RETRIES}


def build(given: Build) -> Json:
    """The definition of `tables`, as JSON values."""
    bucket = given.settings.artifact_bucket
    clean = processing(
        given,
        "Clean",
        [
            s3_input(
                "raw",
                {
                    "Std:Join": {
                        "On": "/",
                        "Values": [
                            "s3:/",
                            get("Parameters.InputBucket"),
                            get("Parameters.InputPrefix"),
                        ],
                    }
                },
                sharded=True,
            )
        ],
        ["rows"],
        ["--columns", get("Parameters.Columns"), "--fill", get("Parameters.Fill")],
    )
    fit = processing(
        given,
        "Fit",
        [s3_input("rows", output_uri("Clean", "rows"), sharded=True)],
        ["model", "metrics"],
        ["--seed", {"Std:Join": {"On": "", "Values": [get("Parameters.Seed")]}}],
    ) | {
        "CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"},
        "PropertyFiles": [
            {
                "PropertyFileName": "FitMetrics",
                "OutputName": "metrics",
                "FilePath": "metrics.json",
            }
        ],
    }
    export = processing(
        given,
        "Export",
        [
            s3_input("model", output_uri("Fit", "model")),
            s3_input("conf", given.code.document("configuration.json", {"level": "info"})),
        ],
        ["tables"],
        ["--scale", get("Parameters.Scale")],
    )
    share = {
        "Std:JsonGet": {"PropertyFile": get("Steps.Fit.PropertyFiles.FitMetrics"), "Path": "share"}
    }
    gate = {
        "Name": "Gate",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [
                {
                    "Type": "LessThanOrEqualTo",
                    "LeftValue": share,
                    "RightValue": get("Parameters.MaxRejectedShare"),
                }
            ],
            "IfSteps": [export],
            "ElseSteps": [
                {
                    "Name": "GateFailed",
                    "Type": "Fail",
                    "Arguments": {"ErrorMessage": "too many rows are rejected"},
                }
            ],
        },
    }
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [
            parameter("InputBucket", "String", bucket),
            parameter("InputPrefix", "String", "raw"),
            parameter("OutputBucket", "String", bucket),
            parameter("OutputPrefix", "String", "runs"),
            *(
                one
                for step, type_, count in (
                    ("Clean", "ml.m5.xlarge", 2),
                    ("Fit", "ml.m5.large", 8),
                    ("Export", "ml.m5.xlarge", 2),
                )
                for one in (
                    parameter(f"{step}InstanceType", "String", type_),
                    parameter(f"{step}InstanceCount", "Integer", count),
                )
            ),
            parameter("Columns", "String", "all"),
            parameter("Fill", "String", "zero", "zero", "interpolate", "drop"),
            parameter("Seed", "Integer", 0),
            parameter("Scale", "String", "false", "true", "false"),
            parameter("MaxRejectedShare", "Float", 0.05),
        ],
        "Steps": [clean, fit, gate],
    }


def project(code: Path = CODE, build: Builder = build) -> Project:
    """The project, or one with changed code or another builder."""
    return Project(
        Pipeline("tables", "Clean, fit, gate, export", build, code, max_parallel_steps=4)
    )


PROJECT = project()
