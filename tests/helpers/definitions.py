"""Two valid definitions: a small one of all that the engine runs, and one by other hands."""

from __future__ import annotations

from typing import Any

OUTPUT = "Steps.Read.ProcessingOutputConfig.Outputs['table'].S3Output.S3Uri"

VALID: dict[str, Any] = {
    "Version": "2020-12-01",
    "Metadata": {},
    "Parameters": [
        {"Name": "Bucket", "Type": "String", "DefaultValue": "data"},
        {"Name": "Count", "Type": "Integer", "DefaultValue": 2},
        {"Name": "Mode", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
        {"Name": "Least", "Type": "Float"},
    ],
    "PipelineExperimentConfig": None,
    "Steps": [
        {
            "Name": "Read",
            "Type": "Processing",
            "Description": "Reads",
            "CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"},
            "RetryPolicies": [
                {"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 1, "MaxAttempts": 5}
            ],
            "PropertyFiles": [
                {"PropertyFileName": "Figures", "OutputName": "table", "FilePath": "figures.json"}
            ],
            "Arguments": {
                "RoleArn": "arn:aws:iam::123456789012:role/job",
                "AppSpecification": {
                    "ImageUri": "registry/image:1",
                    "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/a.py"],
                    "ContainerArguments": ["--mode", {"Get": "Parameters.Mode"}],
                },
                "Environment": {"LEVEL": "1"},
                "ProcessingInputs": [
                    {
                        "InputName": "raw",
                        "S3Input": {
                            "S3Uri": {
                                "Std:Join": {
                                    "On": "/",
                                    "Values": ["s3:/", {"Get": "Parameters.Bucket"}, "raw"],
                                }
                            },
                            "LocalPath": "/opt/ml/processing/input/raw",
                            "S3DataType": "S3Prefix",
                            "S3InputMode": "File",
                        },
                    },
                    {
                        "InputName": "code",
                        "S3Input": {
                            "S3Uri": "s3://data/code/a.py",
                            "LocalPath": "/opt/ml/processing/input/code",
                            "S3DataType": "S3Prefix",
                            "S3InputMode": "File",
                        },
                    },
                ],
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "table",
                            "S3Output": {
                                "S3Uri": {
                                    "Std:Join": {
                                        "On": "/",
                                        "Values": [
                                            "s3://data",
                                            {"Get": "Execution.PipelineExecutionId"},
                                        ],
                                    }
                                },
                                "LocalPath": "/opt/ml/processing/output",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
                "ProcessingResources": {
                    "ClusterConfig": {
                        "InstanceType": "ml.m5.large",
                        "InstanceCount": {"Get": "Parameters.Count"},
                        "VolumeSizeInGB": 30,
                    }
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
        },
        {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [
                    {
                        "Type": "GreaterThanOrEqualTo",
                        "LeftValue": {
                            "Std:JsonGet": {
                                "PropertyFile": {"Get": "Steps.Read.PropertyFiles.Figures"},
                                "Path": "share",
                            }
                        },
                        "RightValue": {"Get": "Parameters.Least"},
                    },
                    {
                        "Type": "Or",
                        "Conditions": [
                            {
                                "Type": "Not",
                                "Condition": {
                                    "Type": "In",
                                    "QueryValue": {"Get": "Parameters.Mode"},
                                    "Values": ["x", "y"],
                                },
                            }
                        ],
                    },
                ],
                "IfSteps": [
                    {
                        "Name": "Write",
                        "Type": "Processing",
                        "DependsOn": ["Read"],
                        "Arguments": {
                            "AppSpecification": {"ImageUri": "registry/image:1"},
                            "ProcessingInputs": [
                                {
                                    "InputName": "table",
                                    "S3Input": {
                                        "S3Uri": {"Get": OUTPUT},
                                        "LocalPath": "/opt/ml/processing/input/table",
                                        "S3DataType": "S3Prefix",
                                        "S3InputMode": "Pipe",
                                        "S3CompressionType": "Gzip",
                                    },
                                }
                            ],
                            "ProcessingResources": {
                                "ClusterConfig": {
                                    "InstanceType": "ml.m5.large",
                                    "InstanceCount": 1,
                                    "VolumeSizeInGB": 30,
                                }
                            },
                        },
                    }
                ],
                "ElseSteps": [
                    {
                        "Name": "Stop",
                        "Type": "Fail",
                        "Arguments": {"ErrorMessage": {"Get": "Steps.Gate.Outcome"}},
                    }
                ],
            },
        },
    ],
}

# As SDK v2 writes a definition: experiment configuration, durations in its own style, lists of
# steps of types that aren't ours, members that only newer or older versions know.
FOREIGN: dict[str, Any] = {
    "Version": "2020-12-01",
    "Metadata": {},
    "Parameters": [
        {"Name": "processing_count", "Type": "Integer", "DefaultValue": 1},
        {"Name": "Flag", "Type": "Boolean", "DefaultValue": False},
        {"Name": "Uri", "Type": "String"},
    ],
    "PipelineExperimentConfig": {
        "ExperimentName": {"Get": "Execution.PipelineName"},
        "TrialName": {"Get": "Execution.PipelineExecutionId"},
    },
    "Steps": [
        {
            "Name": "Prepare",
            "Type": "Processing",
            "CacheConfig": {"Enabled": True, "ExpireAfter": "30dT5h"},
            "RetryPolicies": [
                {
                    "BackoffRate": 2.0,
                    "IntervalSeconds": 1,
                    "ExpireAfterMin": 5,
                    "ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"],
                }
            ],
            "Arguments": {
                "ProcessingResources": {
                    "ClusterConfig": {
                        "InstanceType": "ml.m5.xlarge",
                        "InstanceCount": {"Get": "Parameters.processing_count"},
                        "VolumeSizeInGB": 30,
                    }
                },
                "AppSpecification": {
                    "ImageUri": "246618743249.dkr.ecr.us-west-2.amazonaws.com/image:0.23",
                    "ContainerArguments": [
                        "--n",
                        {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Flag"}]}},
                    ],
                    "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/p.py"],
                },
                "RoleArn": "arn:aws:iam::123456789012:role/service-role/Role",
                "ProcessingInputs": [
                    {
                        "InputName": "input-1",
                        "AppManaged": False,
                        "S3Input": {
                            "S3Uri": {"Get": "Parameters.Uri"},
                            "LocalPath": "/opt/ml/processing/input",
                            "S3DataType": "S3Prefix",
                            "S3InputMode": "File",
                            "S3DataDistributionType": "FullyReplicated",
                            "S3CompressionType": "None",
                        },
                    },
                    {
                        "InputName": "query",
                        "AppManaged": True,
                        "DatasetDefinition": {
                            "DataDistributionType": "FullyReplicated",
                            "InputMode": "File",
                            "LocalPath": "/opt/ml/elsewhere",
                            "RedshiftDatasetDefinition": {
                                "ClusterId": "c",
                                "Database": "d",
                                "DbUser": "u",
                                "QueryString": "select 1",
                                "ClusterRoleArn": "arn:aws:iam::123456789012:role/Redshift",
                                "OutputS3Uri": "s3://bucket/out",
                                "OutputFormat": "CSV",
                            },
                        },
                    },
                ],
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "train",
                            "AppManaged": False,
                            "S3Output": {
                                "S3Uri": "s3://bucket/train",
                                "LocalPath": "/opt/ml/processing/train",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
                "ExperimentConfig": {"TrialComponentDisplayName": "prepare"},
            },
        },
        {
            "Name": "Train",
            "Type": "Training",
            "DependsOn": ["Prepare", {"Step": "Notify", "Trigger": "Failed"}],
            "Arguments": {"Anything": {"Get": "Steps.Prepare.ProcessingJobArn"}},
            "CheckpointConfig": {"new": "member"},
        },
        {
            "Name": "Notify",
            "Type": "Lambda",
            "FunctionArn": "arn:aws:lambda:us-west-2:123456789012:function:f",
            "Arguments": {},
            "OutputParameters": [],
        },
        {
            "Name": "Evaluate",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [
                    {
                        "Type": "LessThan",
                        "LeftValue": {"Get": "Steps.Notify.OutputParameters['mse']"},
                        "RightValue": 6.0,
                    }
                ],
                "IfSteps": [{"Name": "Deploy", "Type": "RegisterModel", "Arguments": {}}],
                "ElseSteps": [],
            },
        },
    ],
}
