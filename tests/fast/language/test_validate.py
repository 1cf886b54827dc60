"""Each rule, tripped by a small valid definition that is wrong in one place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from definitions import OUTPUT, VALID

from sagepipe.errors import DefinitionError
from sagepipe.language.definition import MAX_DEPTH, Definition
from sagepipe.language.diff import diff
from sagepipe.language.expressions import Scope, evaluate
from sagepipe.language.validate import check, parse, validate, warnings
from sagepipe.language.validate.rules import FORMS, RULES, WARNINGS

# Its cached step reads these, by a prefix
IMMUTABLE = ["Read.raw", "Read.code"]
# Where things are in it
READ: tuple[str | int, ...] = ("Steps", 0)
JOB = (*READ, "Arguments")
RAW = (*JOB, "ProcessingInputs", 0)
TABLE = (*JOB, "ProcessingOutputConfig", "Outputs", 0)
CLUSTER = (*JOB, "ProcessingResources", "ClusterConfig")
GATE: tuple[str | int, ...] = ("Steps", 1)
CONDITIONS = (*GATE, "Arguments", "Conditions")
WRITE = (*GATE, "Arguments", "IfSteps", 0)
STOP = (*GATE, "Arguments", "ElseSteps", 0)
PARAMETER: tuple[str | int, ...] = ("Parameters", 0)

Edit = Callable[[dict[str, Any]], None]


def put(path: tuple[str | int, ...], value: Any) -> Edit:
    def edit(definition: dict[str, Any]) -> None:
        *way, last = path
        _at(definition, *way)[last] = copy.deepcopy(value)

    return edit


def drop(path: tuple[str | int, ...]) -> Edit:
    def edit(definition: dict[str, Any]) -> None:
        *way, last = path
        del _at(definition, *way)[last]

    return edit


def append(path: tuple[str | int, ...], *values: Any) -> Edit:
    def edit(definition: dict[str, Any]) -> None:
        _at(definition, *path).extend(copy.deepcopy(list(values)))

    return edit


def _at(value: Any, *way: str | int) -> Any:
    for part in way:
        value = value[part]
    return value


def made(*edits: Edit) -> dict[str, Any]:
    definition = copy.deepcopy(VALID)
    for edit in edits:
        edit(definition)
    return definition


def channel(name: str, path: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": "s3://data/x",
            "LocalPath": path,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }


def processing(name: str, **members: Any) -> dict[str, Any]:
    arguments = copy.deepcopy(VALID["Steps"][1]["Arguments"]["IfSteps"][0]["Arguments"])
    del arguments["ProcessingInputs"]
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **members}


FEATURES = {"OutputName": "store", "FeatureStoreOutput": {"FeatureGroupName": "group"}}
ATHENA = {
    "Catalog": "c",
    "Database": "d",
    "QueryString": "select 1",
    "OutputS3Uri": "s3://data/q",
    "OutputFormat": "PARQUET",
}


@dataclass(frozen=True)
class Case:
    rule: str
    step: str
    field: str
    text: str
    edits: tuple[Edit, ...] = field(repr=False)


def case(rule: str, step: str, where: str, text: str, *edits: Edit) -> Case:
    return Case(rule, step, where, text, edits)


A = "Arguments."
INPUT = f"{A}ProcessingInputs[0]"
APP = f"{A}AppSpecification."
CONFIG = f"{A}ProcessingResources.ClusterConfig."

CASES = [
    # the whole
    case("top_members", "", "Stepz", "no such member; a definition has Ver", put(("Stepz",), [])),
    case("top_forms", "", "Parameters", "is a dict; make it an array", put(("Parameters",), {})),
    case("top_forms", "", "Steps", "is null; make it an array", put(("Steps",), None)),
    case("version", "", "Version", "only version is '2020-12-01'", put(("Version",), "2021-01-01")),
    case("version", "", "Version", "is missing", drop(("Version",))),
    case("has_steps", "", "Steps", "has no step", put(("Steps",), [])),
    case("size", "", "", "at most 1048576", put(("Metadata",), {"x": "y" * 1_048_576})),
    # parameters
    case(
        "parameter_count",
        "",
        "Parameters",
        "has 204; at most 200",
        append(("Parameters",), *({"Name": f"P{i}", "Type": "String"} for i in range(200))),
    ),
    case("parameter_forms", "", "Parameters[0]", "is a str", put(PARAMETER, "Bucket")),
    case(
        "parameter_forms",
        "",
        "Parameters[0].Default",
        "no such member",
        put((*PARAMETER, "Default"), "x"),
    ),
    case(
        "parameter_forms",
        "",
        "Parameters[0].Type",
        "is 'Str'; use one of String, Integer, Float, Boolean",
        put((*PARAMETER, "Type"), "Str"),
    ),
    case(
        "parameter_names",
        "",
        "Parameters[4].Name",
        "'Bucket' is declared twice",
        append(("Parameters",), {"Name": "Bucket", "Type": "String"}),
    ),
    case(
        "parameter_names",
        "",
        "Parameters[3].Name",
        "is 'a b'; use 1 to 64",
        put(("Parameters", 3, "Name"), "a b"),
    ),
    case(
        "parameter_defaults",
        "",
        "Parameters[1].DefaultValue",
        "is '2'; parameter 'Count' is a Integer",
        put(("Parameters", 1, "DefaultValue"), "2"),
    ),
    case(
        "parameter_defaults",
        "",
        "Parameters[1].DefaultValue",
        "is True",
        put(("Parameters", 1, "DefaultValue"), True),
    ),
    case(
        "parameter_defaults",
        "",
        "Parameters[2].DefaultValue",
        "has 1025 characters",
        put(("Parameters", 2, "DefaultValue"), "x" * 1025),
    ),
    case(
        "parameter_enums",
        "",
        "Parameters[2].DefaultValue",
        "is 'c', not one of EnumValues: a, b",
        put(("Parameters", 2, "DefaultValue"), "c"),
    ),
    case(
        "parameter_enums",
        "",
        "Parameters[2].EnumValues",
        "has 17 values; give 1 to 16",
        put(("Parameters", 2, "EnumValues"), [*"abcdefghijklmnopq"]),
    ),
    case(
        "parameter_enums",
        "",
        "Parameters[2].EnumValues",
        "has 1, which is no String",
        put(("Parameters", 2, "EnumValues"), ["a", 1]),
    ),
    # any step
    case("step_forms", "", "Steps[2]", "is no object", append(("Steps",), "Third")),
    case("step_forms", "Read", "Type", "make it a string", drop((*READ, "Type"))),
    case("step_forms", "Read", "Arguments", "make it an object", put(JOB, [])),
    case("step_forms", "Read", "Arguments", "an object", put(JOB, {"Get": "Parameters.Mode"})),
    case("step_forms", "", "Steps[0].Name", "make it a string", put((*READ, "Name"), 1)),
    case("step_forms", "Gate", "Arguments.IfSteps[0].Name", "is missing", drop((*WRITE, "Name"))),
    case("step_members", "Read", "Cache", "a Processing step has Name", put((*READ, "Cache"), {})),
    case("step_members", "Stop", "RetryPolicies", "no such", put((*STOP, "RetryPolicies"), [])),
    case("step_names", "a b", "Name", "letters, digits, hyphens", put((*READ, "Name"), "a b")),
    case("step_names", "x" * 65, "Name", "use 1 to 64", put((*READ, "Name"), "x" * 65)),
    case(
        "step_names",
        "Read",
        "Name",
        "two steps have this name",
        append(("Steps",), processing("Read")),
    ),
    case(
        "step_places",
        "Write",
        "Name",
        "stands in Gate.IfSteps and in Gate.ElseSteps",
        append((*GATE, "Arguments", "ElseSteps"), processing("Write")),
    ),
    case(
        "step_places",
        "Write",
        "Name",
        "stands in Gate.IfSteps and in the pipeline",
        append(("Steps",), processing("Write")),
    ),
    case("step_texts", "Read", "Description", "3072", put((*READ, "Description"), "x" * 3073)),
    case("step_texts", "Read", "DisplayName", "256", put((*READ, "DisplayName"), 5)),
    case("depends_on_forms", "Write", "DependsOn", "no array", put((*WRITE, "DependsOn"), "Read")),
    case("depends_on_forms", "Write", "DependsOn[0]", "name", put((*WRITE, "DependsOn"), [1])),
    case("array_members", "Read", "RetryPolicies", "array", put((*READ, "RetryPolicies"), {})),
    case("array_members", "Read", "PropertyFiles", "array", put((*READ, "PropertyFiles"), ["f"])),
    case(
        "cache_configs",
        "Read",
        "CacheConfig.ExpireAfter",
        "is '30 days'; make it an ISO 8601 duration such as P30D",
        put((*READ, "CacheConfig", "ExpireAfter"), "30 days"),
    ),
    case(
        "cache_configs",
        "Read",
        "CacheConfig.ExpireAfter",
        "is None",
        drop((*READ, "CacheConfig", "ExpireAfter")),
    ),
    case(
        "cache_configs",
        "Read",
        "CacheConfig.Enabled",
        "make it true or false",
        put((*READ, "CacheConfig", "Enabled"), "true"),
    ),
    case(
        "cache_configs",
        "Read",
        "CacheConfig.Expires",
        "no such member",
        put((*READ, "CacheConfig", "Expires"), "P1D"),
    ),
    case(
        "retry_exceptions",
        "Read",
        "RetryPolicies[0].ExceptionType",
        "'AlgorithmError' can't be retried; use some of Step.SERVICE_FAULT",
        put((*READ, "RetryPolicies", 0, "ExceptionType"), ["AlgorithmError"]),
    ),
    case(
        "retry_forms",
        "Read",
        "RetryPolicies[0].ExceptionType",
        "is no array",
        drop((*READ, "RetryPolicies", 0, "ExceptionType")),
    ),
    case(
        "retry_forms",
        "Read",
        "RetryPolicies[0].ExceptionType",
        "is no array",
        put((*READ, "RetryPolicies", 0, "ExceptionType"), ["Step.THROTTLING", 5]),
    ),
    case(
        "retry_numbers",
        "Read",
        "RetryPolicies[0]",
        "has MaxAttempts and ExpireAfterMin",
        put((*READ, "RetryPolicies", 0, "ExpireAfterMin"), 5),
    ),
    case(
        "retry_numbers",
        "Read",
        "RetryPolicies[0].MaxAttempts",
        "is 21; make it a whole number from 0 to 20",
        put((*READ, "RetryPolicies", 0, "MaxAttempts"), 21),
    ),
    case(
        "retry_numbers",
        "Read",
        "RetryPolicies[0].IntervalSeconds",
        "is 1.5; make it a whole number",
        put((*READ, "RetryPolicies", 0, "IntervalSeconds"), 1.5),
    ),
    case(
        "retry_forms",
        "Read",
        "RetryPolicies[0].BackoffRate",
        "is '2'",
        put((*READ, "RetryPolicies", 0, "BackoffRate"), "2"),
    ),
    case(
        "retry_numbers",
        "Read",
        "RetryPolicies[0].MaxAttempt",
        "no such member",
        put((*READ, "RetryPolicies", 0, "MaxAttempt"), 1),
    ),
    case(
        "property_files",
        "Read",
        "PropertyFiles[0].OutputName",
        "'tables' is no output of this step",
        put((*READ, "PropertyFiles", 0, "OutputName"), "tables"),
    ),
    case(
        "property_files",
        "Read",
        "PropertyFiles[0].FilePath",
        "is missing",
        drop((*READ, "PropertyFiles", 0, "FilePath")),
    ),
    case(
        "property_files",
        "Read",
        "PropertyFiles[1].PropertyFileName",
        "'Figures' is used twice",
        append((*READ, "PropertyFiles"), VALID["Steps"][0]["PropertyFiles"][0]),
    ),
    # condition and fail steps
    case(
        "condition_arguments",
        "Gate",
        "Arguments.Then",
        "has Conditions, IfSteps and ElseSteps",
        put((*GATE, "Arguments", "Then"), []),
    ),
    case(
        "condition_arguments",
        "Gate",
        "Arguments.Conditions",
        "is no array",
        put(CONDITIONS, {}),
    ),
    case(
        "conditions",
        "Gate",
        "Arguments.Conditions[0].Type",
        "is 'AtLeast'; use one of Equals, GreaterThan",
        put((*CONDITIONS, 0, "Type"), "AtLeast"),
    ),
    case(
        "conditions",
        "Gate",
        "Arguments.Conditions[0].RightValue",
        "is missing or can't be compared",
        drop((*CONDITIONS, 0, "RightValue")),
    ),
    case(
        "conditions",
        "Gate",
        "Arguments.Conditions[0].Value",
        "no such member",
        put((*CONDITIONS, 0, "Value"), 1),
    ),
    case(
        "conditions",
        "Gate",
        "Arguments.Conditions[1].Conditions[0].Condition.Values",
        "no array",
        put((*CONDITIONS, 1, "Conditions", 0, "Condition", "Values"), "x"),
    ),
    case(
        "conditions",
        "Gate",
        "Arguments.Conditions[1].Conditions[0].Condition.Type",
        "is None",
        drop((*CONDITIONS, 1, "Conditions", 0, "Condition", "Type")),
    ),
    case("condition_arguments", "Gate", "Arguments.Conditions", "is missing", drop(CONDITIONS)),
    case(
        "fail_messages",
        "Stop",
        "Arguments.ErrorMessage",
        "has 3073 characters; at most 3072",
        put((*STOP, "Arguments", "ErrorMessage"), "x" * 3073),
    ),
    case(
        "fail_messages",
        "Stop",
        "Arguments.ErrorMessage",
        "is no string",
        put((*STOP, "Arguments", "ErrorMessage"), {"Get": "Parameters.Count"}),
    ),
    case(
        "fail_arguments",
        "Stop",
        "Arguments.ErrorMessage",
        "is no string",
        put((*STOP, "Arguments", "ErrorMessage"), 5),
    ),
    case(
        "fail_arguments",
        "Stop",
        "Arguments.Message",
        "a fail step has ErrorMessage",
        put((*STOP, "Arguments", "Message"), "x"),
    ),
    # CreateProcessingJob
    case(
        "known_members",
        "Read",
        f"{A}StopingCondition",
        "did you mean StoppingCondition?",
        put((*JOB, "StopingCondition"), {}),
    ),
    case(
        "known_members",
        "Read",
        f"{INPUT}.S3Input.Zzz",
        "remove it",
        put((*RAW, "S3Input", "Zzz"), 1),
    ),
    case(
        "required_members",
        "Read",
        f"{APP}ImageUri",
        "is missing; it is required",
        drop((*JOB, "AppSpecification", "ImageUri")),
    ),
    case(
        "required_members",
        "Read",
        f"{INPUT}.S3Input.S3DataType",
        "is missing",
        drop((*RAW, "S3Input", "S3DataType")),
    ),
    case(
        "types",
        "Read",
        f"{CONFIG}VolumeSizeInGB",
        "is '30'; it must be a whole number",
        put((*CLUSTER, "VolumeSizeInGB"), "30"),
    ),
    case(
        "types",
        "Read",
        f"{CONFIG}InstanceCount",
        "is 'a' (parameter Mode's default); it must be a whole number",
        put((*CLUSTER, "InstanceCount"), {"Get": "Parameters.Mode"}),
    ),
    case(
        "types",
        "Read",
        f"{CONFIG}InstanceCount",
        "is a Float expression",
        put((*CLUSTER, "InstanceCount"), {"Get": "Parameters.Least"}),
    ),
    case("types", "Read", f"{A}ProcessingInputs", "an array", put((*JOB, "ProcessingInputs"), {})),
    case(
        "container_strings",
        "Read",
        f"{APP}ContainerArguments[1]",
        "Parameters.Count is no string; use the parameter's to_string()",
        put((*JOB, "AppSpecification", "ContainerArguments", 1), {"Get": "Parameters.Count"}),
    ),
    case(
        "container_strings",
        "Read",
        f"{APP}ContainerArguments[1]",
        "Parameters.Least is no string",
        put((*JOB, "AppSpecification", "ContainerArguments", 1), {"Get": "Parameters.Least"}),
    ),
    case(
        "container_strings",
        "Read",
        f"{APP}ContainerEntrypoint[1]",
        "is 5, no string; quote it",
        put((*JOB, "AppSpecification", "ContainerEntrypoint", 1), 5),
    ),
    case(
        "container_strings",
        "Read",
        f"{A}Environment.LEVEL",
        "is True, no string",
        put((*JOB, "Environment", "LEVEL"), True),
    ),
    case(
        "enums",
        "Read",
        f"{INPUT}.S3Input.S3DataType",
        "is 'S3Prefixx'; the service takes ManifestFile, S3Prefix",
        put((*RAW, "S3Input", "S3DataType"), "S3Prefixx"),
    ),
    case(
        "enums",
        "Read",
        f"{CONFIG}InstanceType",
        "ml.m5.large",
        put((*CLUSTER, "InstanceType"), "ml.m5.larg"),
    ),
    case(
        "patterns",
        "Read",
        f"{INPUT}.S3Input.S3Uri",
        "is 'ftp://data/raw' (with its parameters' defaults); it must match",
        put((*RAW, "S3Input", "S3Uri", "Std:Join", "Values", 0), "ftp:/"),
    ),
    case(
        "patterns",
        "Read",
        f"{A}Environment",
        "is '1LEVEL'; it must match",
        put((*JOB, "Environment", "1LEVEL"), "x"),
    ),
    case(
        "patterns", "Read", f"{A}RoleArn", "must match", put((*JOB, "RoleArn"), "a-role-name-" * 2)
    ),
    case(
        "lengths",
        "Read",
        f"{APP}ContainerArguments[0]",
        "has 257 characters; make it at most 256",
        put((*JOB, "AppSpecification", "ContainerArguments", 0), "x" * 257),
    ),
    case(
        "lengths",
        "Read",
        f"{A}Environment.LEVEL",
        "has 257 characters",
        put((*JOB, "Environment", "LEVEL"), "x" * 257),
    ),
    case(
        "list_sizes",
        "Read",
        f"{A}ProcessingInputs",
        "has 12 items; make it at most 10",
        append(
            (*JOB, "ProcessingInputs"),
            *(channel(f"i{i}", f"/opt/ml/processing/i{i}") for i in range(10)),
        ),
    ),
    case(
        "list_sizes",
        "Read",
        f"{APP}ContainerArguments",
        "has 0 items; make it 1 to 100",
        put((*JOB, "AppSpecification", "ContainerArguments"), []),
    ),
    case(
        "map_sizes",
        "Read",
        f"{A}Environment",
        "has 101 entries; make it at most 100",
        put((*JOB, "Environment"), {f"V{i}": "x" for i in range(101)}),
    ),
    case(
        "ranges",
        "Read",
        f"{CONFIG}InstanceCount",
        "is 101 (parameter Count's default); make it 1 to 100",
        put(("Parameters", 1, "DefaultValue"), 101),
    ),
    case(
        "ranges",
        "Read",
        f"{A}StoppingCondition.MaxRuntimeInSeconds",
        "is 777601; make it 1 to 777600",
        put((*JOB, "StoppingCondition", "MaxRuntimeInSeconds"), 777_601),
    ),
    case(
        "clusters",
        "Read",
        f"{CONFIG}InstanceType",
        "no InstancePreferences",
        drop((*CLUSTER, "InstanceType")),
    ),
    # inputs and outputs
    case(
        "fast_file",
        "Read",
        f"{INPUT}.S3Input.S3InputMode",
        "processing knows File and Pipe only",
        put((*RAW, "S3Input", "S3InputMode"), "FastFile"),
    ),
    case(
        "managed_inputs",
        "Read",
        f"{INPUT}.S3Input.S3InputMode",
        "is missing; an input that isn't AppManaged",
        drop((*RAW, "S3Input", "S3InputMode")),
    ),
    case(
        "managed_inputs",
        "Read",
        f"{INPUT}.S3Input.LocalPath",
        "is missing",
        drop((*RAW, "S3Input", "LocalPath")),
    ),
    case(
        "managed_inputs",
        "Read",
        f"{INPUT}.DatasetDefinition.LocalPath",
        "is missing",
        drop((*RAW, "S3Input")),
        put((*RAW, "DatasetDefinition"), {"AthenaDatasetDefinition": ATHENA}),
    ),
    case(
        "managed_outputs",
        "Read",
        f"{A}ProcessingOutputConfig.Outputs[0].S3Output.LocalPath",
        "is uploaded from there",
        drop((*TABLE, "S3Output", "LocalPath")),
    ),
    case(
        "local_paths",
        "Read",
        f"{INPUT}.S3Input.LocalPath",
        "is '/data'; it must be a folder below /opt/ml/processing/",
        put((*RAW, "S3Input", "LocalPath"), "/data"),
    ),
    case(
        "distinct_paths",
        "Read",
        f"{A}ProcessingInputs[1].S3Input.LocalPath",
        "as is Arguments.ProcessingInputs[0].S3Input.LocalPath",
        put((*JOB, "ProcessingInputs", 1, "S3Input", "LocalPath"), "/opt/ml/processing/input/raw/"),
    ),
    case(
        "distinct_paths",
        "Read",
        f"{A}ProcessingOutputConfig.Outputs[0].S3Output.LocalPath",
        "give each its own folder",
        put((*TABLE, "S3Output", "LocalPath"), "/opt/ml/processing/input/raw"),
    ),
    case(
        "channel_names",
        "Read",
        f"{A}ProcessingInputs[2].InputName",
        "'raw' is used twice",
        append((*JOB, "ProcessingInputs"), channel("raw", "/opt/ml/processing/input/more")),
    ),
    case(
        "channel_names",
        "Read",
        f"{A}ProcessingOutputConfig.Outputs[1].OutputName",
        "'table' is used twice",
        append(
            (*JOB, "ProcessingOutputConfig", "Outputs"),
            VALID["Steps"][0]["Arguments"]["ProcessingOutputConfig"]["Outputs"][0],
        ),
    ),
    case(
        "piped_names",
        "Read",
        f"{INPUT}.InputName",
        "is '../../etc'; in Pipe mode files are named after it",
        put((*RAW, "S3Input", "S3InputMode"), "Pipe"),
        put((*RAW, "InputName"), "../../etc"),
    ),
    case(
        "local_paths",
        "Read",
        f"{INPUT}.S3Input.LocalPath",
        "is '/opt/ml/processing/../../etc'; it must be a folder below /opt/ml/processing/",
        put((*RAW, "S3Input", "LocalPath"), "/opt/ml/processing/../../etc"),
    ),
    case(
        "local_paths",
        "Read",
        f"{A}ProcessingOutputConfig.Outputs[0].S3Output.LocalPath",
        "is '/opt/ml/processing/.'",
        put((*TABLE, "S3Output", "LocalPath"), "/opt/ml/processing/."),
    ),
    case(
        "gzip_needs_pipe",
        "Read",
        f"{INPUT}.S3Input.S3CompressionType",
        "Gzip works in Pipe mode only",
        put((*RAW, "S3Input", "S3CompressionType"), "Gzip"),
    ),
    case(
        "input_sources",
        "Read",
        INPUT,
        "exactly one of S3Input and DatasetDefinition",
        drop((*RAW, "S3Input")),
    ),
    case(
        "input_sources",
        "Read",
        INPUT,
        "exactly one of S3Input and DatasetDefinition",
        put((*RAW, "DatasetDefinition"), {"AthenaDatasetDefinition": ATHENA}),
    ),
    case(
        "input_sources",
        "Read",
        f"{INPUT}.DatasetDefinition",
        "exactly one of AthenaDatasetDefinition and Redshift",
        drop((*RAW, "S3Input")),
        put((*RAW, "DatasetDefinition"), {"LocalPath": "/opt/ml/processing/input/raw"}),
    ),
    case(
        "output_targets",
        "Read",
        f"{A}ProcessingOutputConfig.Outputs[0]",
        "exactly one of S3Output and FeatureStoreOutput",
        drop((*TABLE, "S3Output")),
    ),
    case(
        "output_targets",
        "Read",
        f"{A}ProcessingOutputConfig.Outputs[1].AppManaged",
        "must be true with FeatureStoreOutput",
        append((*JOB, "ProcessingOutputConfig", "Outputs"), FEATURES),
    ),
    # expressions
    case(
        "expression_forms",
        "Read",
        f"{A}Environment.LEVEL",
        "has one member, one of Get, Std:Join, Std:JsonGet; here are Get, On",
        put((*JOB, "Environment", "LEVEL"), {"Get": "Parameters.Mode", "On": ""}),
    ),
    case(
        "expression_forms",
        "Read",
        f"{A}Environment.LEVEL",
        "here are Std:Sub",
        put((*JOB, "Environment", "LEVEL"), {"Std:Sub": "x"}),
    ),
    case(
        "expression_forms",
        "Read",
        f"{A}Environment.LEVEL",
        "begin it with Parameters., Execution. or Steps.",
        put((*JOB, "Environment", "LEVEL"), {"Get": "Mode"}),
    ),
    case(
        "expression_forms",
        "Read",
        f"{A}Environment.LEVEL",
        "write Steps.<step>, then .Member",
        put((*JOB, "Environment", "LEVEL"), {"Get": "Steps.['Read']"}),
    ),
    case(
        "expression_forms",
        "Read",
        f"{INPUT}.S3Input.S3Uri",
        "has the members On and Values",
        drop((*RAW, "S3Input", "S3Uri", "Std:Join", "On")),
    ),
    case(
        "expression_forms",
        "Read",
        f"{INPUT}.S3Input.S3Uri",
        "can't join ['raw']",
        put((*RAW, "S3Input", "S3Uri", "Std:Join", "Values", 2), ["raw"]),
    ),
    case(
        "expression_forms",
        "Read",
        f"{INPUT}.S3Input.S3Uri",
        "an array Values that isn't empty",
        put((*RAW, "S3Input", "S3Uri", "Std:Join", "Values"), []),
    ),
    case(
        "expression_forms",
        "Gate",
        "Arguments.Conditions[0].LeftValue",
        "has a string Path, and either PropertyFile or S3Uri",
        drop((*CONDITIONS, 0, "LeftValue", "Std:JsonGet", "Path")),
    ),
    case(
        "expression_forms",
        "Gate",
        "Arguments.Conditions[0].LeftValue",
        "must be a Get of Steps.<step>.PropertyFiles.<name>",
        put((*CONDITIONS, 0, "LeftValue", "Std:JsonGet", "PropertyFile"), "Figures"),
    ),
    case(
        "declared_parameters",
        "Read",
        f"{APP}ContainerArguments[1]",
        "parameter 'Modus' isn't declared",
        put((*JOB, "AppSpecification", "ContainerArguments", 1), {"Get": "Parameters.Modus"}),
    ),
    case(
        "execution_variables",
        "Read",
        f"{A}Environment.LEVEL",
        "no execution variable is called 'Id'",
        put((*JOB, "Environment", "LEVEL"), {"Get": "Execution.Id"}),
    ),
    case(
        "execution_variables",
        "",
        "PipelineExperimentConfig.ExperimentName",
        "'Name'",
        put(("PipelineExperimentConfig",), {"ExperimentName": {"Get": "Execution.Name"}}),
    ),
    # references and order
    case(
        "steps_exist",
        "Write",
        "DependsOn[0]",
        "there is no step 'Raed'; there are Read, Gate, Write, Stop",
        put((*WRITE, "DependsOn"), ["Raed"]),
    ),
    case(
        "steps_exist",
        "Write",
        f"{INPUT}.S3Input.S3Uri",
        "there is no step 'Raed'",
        put((*WRITE, *RAW[2:], "S3Input", "S3Uri", "Get"), OUTPUT.replace("Read", "Raed")),
    ),
    case(
        "fail_is_final",
        "Write",
        "DependsOn[0]",
        "Stop is a fail step",
        put((*WRITE, "DependsOn"), ["Stop"]),
    ),
    case(
        "fail_is_final",
        "Write",
        f"{APP}ImageUri",
        "nothing can depend on it",
        put((*WRITE, "Arguments", "AppSpecification", "ImageUri"), {"Get": "Steps.Stop.Name"}),
    ),
    case(
        "condition_properties",
        "Stop",
        "Arguments.ErrorMessage",
        "its only property is Outcome",
        put((*STOP, "Arguments", "ErrorMessage"), {"Get": "Steps.Gate.Result"}),
    ),
    case(
        "processing_properties",
        "Write",
        f"{INPUT}.S3Input.S3Uri",
        "step Read has no output 'tabel'; it has table",
        put((*WRITE, *RAW[2:], "S3Input", "S3Uri", "Get"), OUTPUT.replace("table", "tabel")),
    ),
    case(
        "processing_properties",
        "Stop",
        "Arguments.ErrorMessage",
        "step Read has no input 'rar'; it has raw, code",
        put(
            (*STOP, "Arguments", "ErrorMessage"),
            {"Get": "Steps.Read.ProcessingInputs['rar'].S3Input.S3Uri"},
        ),
    ),
    case(
        "processing_properties",
        "Stop",
        "Arguments.ErrorMessage",
        "Read.ProcessingOutputConfig has no member 'Output'; it has Outputs, KmsKeyId",
        put(
            (*STOP, "Arguments", "ErrorMessage"),
            {"Get": "Steps.Read.ProcessingOutputConfig.Output"},
        ),
    ),
    case(
        "processing_properties",
        "Stop",
        "Arguments.ErrorMessage",
        "is no path",
        put((*STOP, "Arguments", "ErrorMessage"), {"Get": "Steps.Read.ProcessingInputs[raw]"}),
    ),
    case(
        "processing_properties",
        "Stop",
        "Arguments.ErrorMessage",
        "can't be indexed by a number",
        put((*STOP, "Arguments", "ErrorMessage"), {"Get": "Steps.Read.ExitMessage[0]"}),
    ),
    case(
        "processing_properties",
        "Stop",
        "Arguments.ErrorMessage",
        "can't be indexed by a name",
        put((*STOP, "Arguments", "ErrorMessage"), {"Get": "Steps.Read.ExitMessage['x']"}),
    ),
    case(
        "processing_properties",
        "Gate",
        "Arguments.Conditions[0].LeftValue.Std:JsonGet.PropertyFile",
        "step Read has no property file 'Figure'; it has Figures",
        put(
            (*CONDITIONS, 0, "LeftValue", "Std:JsonGet", "PropertyFile", "Get"),
            "Steps.Read.PropertyFiles.Figure",
        ),
    ),
    case(
        "processing_properties",
        "Stop",
        "Arguments.ErrorMessage",
        "in Std:JsonGet only",
        put((*STOP, "Arguments", "ErrorMessage"), {"Get": "Steps.Read.PropertyFiles.Figures"}),
    ),
    case(
        "no_cycles",
        "Read",
        "DependsOn[0]",
        "closes a cycle: Read waits for Read",
        put((*READ, "DependsOn"), ["Read"]),
    ),
    case(
        "no_cycles",
        "Read",
        "DependsOn[0]",
        "closes a cycle: Read waits for Gate waits for Read",
        put((*READ, "DependsOn"), ["Gate"]),
    ),
    case(
        "no_cycles",
        "Gate",
        "Arguments.Conditions[0].LeftValue",
        "closes a cycle: Gate waits for Write waits for Gate",
        put(
            (*CONDITIONS, 0, "LeftValue"),
            {"Get": "Steps.Write.ProcessingInputs['table'].S3Input.S3Uri"},
        ),
    ),
]

BY_NAME = {rule.__name__: rule for rule in RULES}


def test_the_definition_that_the_cases_mutate_is_valid() -> None:
    assert validate(VALID) == []
    check(VALID)


@pytest.mark.parametrize(
    "one", CASES, ids=lambda one: f"{one.rule}-{one.field.rpartition('.')[2] or 'all'}"
)
def test_the_rule_names_step_field_and_what_to_do(one: Case) -> None:
    definition = made(*one.edits)
    found = list(BY_NAME[one.rule](Definition.read(definition)))
    assert [
        p for p in found if (p.step, p.field) == (one.step, one.field) and one.text in p.message
    ], found
    assert set(found) <= set(validate(definition))


def test_every_rule_is_tripped_by_a_case() -> None:
    assert {one.rule for one in CASES} == set(BY_NAME)
    assert len(BY_NAME) == len(RULES)


def test_the_input_is_left_alone() -> None:
    definition = made()
    validate(definition)
    assert definition == VALID


def test_check_raises_all_problems_at_once() -> None:
    definition = made(put(("Version",), "1"), put((*CLUSTER, "VolumeSizeInGB"), 0))
    with pytest.raises(DefinitionError, match="Version") as caught:
        check(definition)
    assert [p.field for p in caught.value.problems] == ["Version", f"{CONFIG}VolumeSizeInGB"]
    assert str(caught.value).splitlines()[1] == (
        "step 'Read', Arguments.ProcessingResources.ClusterConfig.VolumeSizeInGB: is 0; "
        "make it 1 to 16384"
    )


@pytest.mark.parametrize(
    "one",
    [
        one
        for one in CASES
        if one.rule
        in (
            "enums",
            "fast_file",
            "gzip_needs_pipe",
            "channel_names",
            "retry_forms",
            "retry_numbers",
            "lengths",
        )
    ],
    ids=lambda one: f"{one.rule}-{one.field.rpartition('.')[2]}",
)
def test_one_mistake_is_one_problem(one: Case) -> None:
    """A mistake in a value is not reported again by the rules that look at it otherwise."""
    problems = [p for p in validate(made(*one.edits)) if "LocalPath" not in p.field]
    assert len(problems) == 1


def test_messages_are_single_lines() -> None:
    for one in CASES:
        for problem in validate(made(*one.edits)):
            assert "\n" not in str(problem)
            assert json.dumps(problem.message)


def test_what_the_application_manages_needs_no_place_of_ours() -> None:
    managed = made(
        put((*RAW, "AppManaged"), True),
        drop((*RAW, "S3Input", "S3InputMode")),
        put((*RAW, "S3Input", "LocalPath"), "/anywhere"),
        append((*JOB, "ProcessingOutputConfig", "Outputs"), {**FEATURES, "AppManaged": True}),
    )
    assert validate(managed) == []


def test_two_steps_of_one_name_are_both_looked_at() -> None:
    twin = processing("Read")
    twin["Arguments"]["AppSpecification"]["ImageUri"] = 5
    found = validate(made(append(("Steps",), twin)))
    assert [p.field for p in found] == ["Arguments.AppSpecification.ImageUri", "Name"]


# --- what is told and refuses nothing -------------------------------------------------------


def test_an_empty_default_is_a_warning() -> None:
    definition = made(
        put((*PARAMETER, "DefaultValue"), ""), put((*RAW, "S3Input", "S3Uri"), "s3://x")
    )
    assert validate(definition) == []
    (warning,) = warnings(definition, IMMUTABLE)
    assert warning.field == "Parameters[0].DefaultValue"
    assert "is empty: the service takes that as a default" in warning.message
    assert "nobody can start parameter 'Bucket' with it" in warning.message


def test_conditions_in_each_other_are_a_warning() -> None:
    inner = {"Name": "Inner", "Type": "Condition", "Arguments": {"Conditions": []}}
    definition = made(append((*GATE, "Arguments", "IfSteps"), inner))
    assert validate(definition) == []
    (warning,) = warnings(definition, IMMUTABLE)
    assert (warning.step, warning.field) == ("Inner", "Type")
    assert "inside Gate's branch" in warning.message
    assert parse(definition).steps["Inner"].branch == parse(definition).steps["Write"].branch


def test_nothing_is_warned_of_without_reason() -> None:
    assert warnings(VALID, IMMUTABLE) == []
    assert len(WARNINGS) == 2


# --- what the engine can't read -------------------------------------------------------------


def test_the_engine_refuses_what_has_no_form_and_nothing_else() -> None:
    """A definition that the service would refuse can still be run, if it can be read."""
    forms = {form.__name__ for form in FORMS}
    for one in CASES:
        definition = made(*one.edits)
        found = [problem for form in FORMS for problem in form(Definition.read(definition))]
        if one.rule in forms:
            with pytest.raises(DefinitionError) as caught:
                parse(definition)
            assert set(caught.value.problems) == set(found)
            assert set(found) <= set(validate(definition))
        elif not found:
            parse(definition)


def test_a_dependency_may_be_an_object() -> None:
    definition = made(put((*WRITE, "DependsOn"), [{"Step": "Read", "Trigger": "Failed"}, "Gate"]))
    assert validate(definition) == []
    step = parse(definition).steps["Write"]
    assert {"Read", "Gate"} <= step.waits_for
    assert [(one.step, one.trigger) for one in step.depends_on] == [
        ("Read", "Failed"),
        ("Gate", ""),
    ]


@pytest.mark.parametrize("value", ["soon", "", 5, None, "P" + "9" * 5000 + "D"])
def test_a_bad_duration_is_found_before_anything_starts(value: Any) -> None:
    with pytest.raises(DefinitionError, match=r"step 'Read', CacheConfig\.ExpireAfter"):
        parse(made(put((*READ, "CacheConfig", "ExpireAfter"), value)))


@pytest.mark.parametrize("levels", [MAX_DEPTH, 100_000])
def test_a_definition_that_is_nested_too_deeply(levels: int) -> None:
    nested: Any = "x"
    for _ in range(levels):
        nested = [nested]
    definition = {**made(), "Metadata": nested}
    with pytest.raises(DefinitionError, match=f"pipeline: is nested deeper than {MAX_DEPTH}"):
        check(definition)
    with pytest.raises(DefinitionError, match="make it flatter"):
        parse(definition)
    assert warnings(definition) == []


def test_a_definition_that_is_just_not_too_deep_goes_all_the_way() -> None:
    nested: Any = {"Get": "Parameters.Mode"}
    for _ in range(MAX_DEPTH - 7):
        nested = [nested]
    step = {"Name": "Train", "Type": "Training", "Arguments": {"x": nested}}
    definition = made(append(("Steps",), step))
    assert validate(definition) == []
    arguments = parse(definition).steps["Train"].arguments
    scope = Scope({"Mode": "a"}, {}, lambda *_: "", lambda uri: "")
    assert str(evaluate(arguments, scope)).strip("[]{}'x: ") == "a"
    assert diff(VALID, definition) != ()
    assert parse(made()).deep is False
    assert Definition.read(made(put(("Metadata",), {"x": [nested]}))).deep is False
    assert Definition.read(made(put(("Metadata",), {"x": [[[[[nested]]]]]}))).deep is True


def test_conditions_may_stand_in_each_other_as_deep_as_anybody_means() -> None:
    steps: list[Any] = []
    for number in range(31):
        arguments = {"Conditions": [], "IfSteps": steps, "ElseSteps": []}
        steps = [{"Name": f"C{number}", "Type": "Condition", "Arguments": arguments}]
    definition = {"Version": "2020-12-01", "Steps": steps}
    assert validate(definition) == []
    assert len(parse(definition).steps) == 31
