"""A pipeline without any SDK: a builder may return the definition itself, as a dict.

Two instances share the recordings, and get them in Pipe mode: nothing is downloaded first, and the
script reads as the bytes arrive.
"""

from __future__ import annotations

from typing import Any

from sagepipe import Build

BASE = "/opt/ml/processing"


def build(given: Build) -> dict[str, Any]:
    """The definition."""
    execution = {"Get": "Execution.PipelineExecutionId"}
    bucket = {"Get": "Parameters.OutputBucket"}
    recordings = _input("recordings", {"Get": "Parameters.Input"}, f"{BASE}/recordings")
    recordings["S3Input"] |= {"S3InputMode": "Pipe", "S3DataDistributionType": "ShardedByS3Key"}
    ranges = {
        "S3Uri": {"Std:Join": {"On": "/", "Values": ["s3:/", bucket, "runs", execution, "ranges"]}},
        "LocalPath": f"{BASE}/ranges",
        "S3UploadMode": "EndOfJob",
    }
    job = {
        "RoleArn": given.settings.role_arn,
        "AppSpecification": {
            "ImageUri": {"Get": "Parameters.Image"},
            "ContainerEntrypoint": ["python3", f"{BASE}/code/ranges.py"],
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": {"Get": "Parameters.Instances"},
                "VolumeSizeInGB": 10,
            }
        },
        "ProcessingInputs": [
            recordings,
            _input("code", given.code.script("ranges.py"), f"{BASE}/code"),
        ],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "ranges", "S3Output": ranges}]},
    }
    image = f"123456789012.dkr.ecr.{given.settings.region}.amazonaws.com/python:3.12"
    return {
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "Input", "Type": "String", "DefaultValue": "s3://ecg-recordings/"},
            {
                "Name": "OutputBucket",
                "Type": "String",
                "DefaultValue": given.settings.artifact_bucket,
            },
            {"Name": "Instances", "Type": "Integer", "DefaultValue": 2},
            {"Name": "Image", "Type": "String", "DefaultValue": image},
        ],
        "Steps": [{"Name": "Ranges", "Type": "Processing", "Arguments": job}],
    }


def _input(name: str, uri: Any, path: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": path,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }
