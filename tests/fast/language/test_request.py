"""What the service refuses in a request whose expressions have been evaluated."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from definitions import VALID

from sagepipe.errors import LocalError
from sagepipe.language import request
from sagepipe.language.definition import Definition
from sagepipe.language.request.evaluated import S3Input, S3Output, managed

IN = "/opt/ml/processing/in"
INPUT = {
    "InputName": "data",
    "S3Input": {
        "S3Uri": "s3://in/",
        "LocalPath": IN,
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    },
}
OUTPUT = {
    "OutputName": "out",
    "S3Output": {
        "S3Uri": "s3://out/e",
        "LocalPath": "/opt/ml/processing/out",
        "S3UploadMode": "EndOfJob",
    },
}
FEATURES = {"OutputName": "f", "FeatureStoreOutput": {"FeatureGroupName": "g"}}
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}


def made(**members: Any) -> dict[str, Any]:
    asked = {
        "AppSpecification": {"ImageUri": "i", "ContainerEntrypoint": ["x"]},
        "ProcessingInputs": [INPUT],
        "ProcessingOutputConfig": {"Outputs": [OUTPUT]},
        "ProcessingResources": {"ClusterConfig": CLUSTER},
        **members,
    }
    return copy.deepcopy(asked)


def arguments(*texts: Any) -> dict[str, Any]:
    return {"AppSpecification": {"ImageUri": "i", "ContainerArguments": [*texts]}}


def cluster(**members: Any) -> dict[str, Any]:
    return {"ProcessingResources": {"ClusterConfig": {**CLUSTER, **members}}}


def s3(**members: Any) -> dict[str, Any]:
    return {"ProcessingInputs": [{**INPUT, "S3Input": {**INPUT["S3Input"], **members}}]}  # type: ignore[dict-item]


def out(**members: Any) -> dict[str, Any]:
    changed = {**OUTPUT, "S3Output": {**OUTPUT["S3Output"], **members}}  # type: ignore[dict-item]
    return {"ProcessingOutputConfig": {"Outputs": [changed]}}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Environment": {"A": "x" * 257}}, "Environment.A: has 257 characters; make it at most"),
        ({"Environment": {"A": 5}}, "Environment.A: is 5, no string; quote it"),
        ({"Environment": {"A-B": "x"}}, "Environment: is 'A-B'; it must match"),
        ({"Environment": {f"A{n}": "x" for n in range(101)}}, "has 101 entries; make it at most"),
        (arguments("--n", 5), r"ContainerArguments\[1\]: is 5, no string.*to_string"),
        (arguments("x" * 257), "has 257 characters"),
        (arguments(*"x" * 101), "has 101 items; make it 1 to 100"),
        (cluster(InstanceCount=0), "InstanceCount: is 0; make it 1 to 100"),
        (cluster(InstanceCount="2"), "InstanceCount: is '2'; it must be a whole number"),
        (cluster(InstanceCount=True), "InstanceCount: is True; it must be a whole number"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 777_601}}, "make it 1 to 777600"),
        ({"ProcessingInputs": [INPUT] * 11}, "ProcessingInputs: has 11 items; make it at most 10"),
        ({"ProcessingInputs": [INPUT] * 2}, "'data' is used twice"),
        ({"ProcessingInputs": None}, "ProcessingInputs: is None; it must be an array"),
        (s3(S3InputMode="FastFile"), "processing knows File and Pipe only"),
        (s3(S3InputMode=None), "S3InputMode: is missing"),
        (s3(LocalPath=None), "LocalPath: is missing"),
        (s3(LocalPath="/opt/ml/input/data"), "must be a folder below /opt/ml/processing"),
        (s3(LocalPath="/opt/ml/processing"), "must be a folder below /opt/ml/processing"),
        (s3(LocalPath="/opt/ml/processing/../../etc"), "must be a folder below"),
        (s3(S3CompressionType="Gzip"), "Gzip works in Pipe mode only"),
        (s3(S3CompressionType="Zip"), "'Zip'; the service takes None, Gzip"),
        (s3(S3DataType="S3Prefixx"), "'S3Prefixx'; the service takes ManifestFile, S3Prefix"),
        (s3(S3DataDistributionType="Sharded"), "takes FullyReplicated, ShardedByS3Key"),
        (s3(S3Uri="in/data"), "S3Uri: is 'in/data'; it must match"),
        (out(LocalPath=""), "LocalPath: is missing"),
        (out(LocalPath="/tmp/x"), "must be a folder below /opt/ml/processing"),
        (out(LocalPath=IN), "give each its own folder"),
        (out(S3UploadMode="Sometimes"), "the service takes Continuous, EndOfJob"),
        (
            {
                "ProcessingOutputConfig": {
                    "Outputs": [{"OutputName": "f", "FeatureStoreOutput": {}}]
                }
            },
            "must be true with FeatureStoreOutput",
        ),
    ],
)
def test_what_the_service_refuses_once_values_are_known(
    members: dict[str, Any], message: str
) -> None:
    request.check(made())
    with pytest.raises(LocalError, match=f"ClientError: the service refuses this job: .*{message}"):
        request.check(made(**members))


def test_everything_is_said_at_once() -> None:
    with pytest.raises(LocalError) as caught:
        request.check(made(Environment={"A": 5}, **cluster(VolumeSizeInGB=0)))
    assert str(caught.value).count("; Arguments.") == 1


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/x", "a\0", "a\nb"])
def test_a_pipe_is_named_after_its_input(name: str) -> None:
    entry = {**s3(S3InputMode="Pipe")["ProcessingInputs"][0], "InputName": name}
    with pytest.raises(LocalError, match="in Pipe mode files are named after it"):
        request.check(made(ProcessingInputs=[entry]))
    request.check(made(ProcessingInputs=[{**INPUT, "InputName": name}]))


def test_what_is_written_is_looked_at_with_defaults_and_what_is_evaluated_as_it_is() -> None:
    """The same rule says where a written value comes from, and what an evaluated one is."""
    document = copy.deepcopy(VALID)
    document["Parameters"][1]["DefaultValue"] = 101
    (written, _) = Definition.read(document).requests
    (problem,) = request.problems(written)
    assert problem.message == "is 101 (parameter Count's default); make it 1 to 100"
    with pytest.raises(LocalError, match="InstanceCount: is 101; make it 1 to 100"):
        request.check(made(**cluster(InstanceCount=101)))


def test_a_float_is_no_whole_number_even_if_its_default_is_written_as_one() -> None:
    document = copy.deepcopy(VALID)
    document["Parameters"].append({"Name": "Share", "Type": "Float", "DefaultValue": 2})
    cluster = document["Steps"][0]["Arguments"]["ProcessingResources"]["ClusterConfig"]
    cluster["InstanceCount"] = {"Get": "Parameters.Share"}
    (problem,) = request.problems(Definition.read(document).requests[0])
    assert problem.message == "is 2.0 (parameter Share's default); it must be a whole number"


def test_channels_are_read() -> None:
    asked = S3Input.read(s3(S3InputMode="Pipe", S3CompressionType="Gzip")["ProcessingInputs"][0])
    assert asked == S3Input("data", "s3://in/", IN, False, False, True, True)
    assert S3Input.read({"InputName": "q", "DatasetDefinition": {}}) is None
    assert S3Output.read(OUTPUT).continuous is False
    assert managed([INPUT, {**INPUT, "AppManaged": True}, {**INPUT, "AppManaged": False}]) == [
        INPUT,
        {**INPUT, "AppManaged": False},
    ]
