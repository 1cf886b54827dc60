"""Adding: a table in, its total out."""

from __future__ import annotations

from typing import Any

BASE = "/opt/ml/processing"
# An argument is a string, and the parameter is a number.
TEXT_OF_FACTOR = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Factor"}]}}


def step(script: str, role: str) -> dict[str, Any]:
    """The step as the definition has it."""
    return {
        "Name": "Adding",
        "Type": "Processing",
        "Arguments": {
            "RoleArn": role,
            "AppSpecification": {
                "ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/python:3.12",
                "ContainerEntrypoint": ["python3", f"{BASE}/code/add.py"],
                "ContainerArguments": [
                    *("--tables", f"{BASE}/tables"),
                    *("--totals", f"{BASE}/totals"),
                    *(
                        "--factor",
                        {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Factor"}]}},
                    ),
                ],
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": "ml.m5.large",
                    "InstanceCount": 2,
                    "VolumeSizeInGB": 30,
                }
            },
            "ProcessingInputs": [
                _input("code", script, "FullyReplicated"),
                _input("tables", "s3://their-data/raw/", "ShardedByS3Key"),
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "totals",
                        "AppManaged": False,
                        "S3Output": {
                            "S3Uri": "s3://their-results/totals",
                            "LocalPath": f"{BASE}/totals",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
        },
    }


def _input(name: str, uri: str, distribution: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "AppManaged": False,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{BASE}/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": distribution,
            "S3CompressionType": "None",
        },
    }
