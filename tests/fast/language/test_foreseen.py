"""What jobs will be asked for, as far as it is known before an execution starts."""

from __future__ import annotations

from typing import Any

import pytest
import tables

from sagepipe.errors import DefinitionError, ParameterError
from sagepipe.language import foreseen, parameters
from sagepipe.language.definition import Definition
from sagepipe.settings.facts import Settings

COUNT = "Arguments.ProcessingResources.ClusterConfig.InstanceCount"


@pytest.fixture(scope="module")
def definition() -> Definition:
    return Definition.read(tables.PROJECT["tables"].built(Settings.local("tables")).document)


def jobs(definition: Definition, **given: str) -> dict[str, foreseen.Foreseen]:
    values = parameters.resolve(definition.parameters, given)
    return {job.step: job for job in foreseen.jobs(definition, values)}


def test_parameters_are_in_their_places(definition: Definition) -> None:
    found = jobs(definition, FitInstanceCount="3", FitInstanceType="ml.t3.large", Seed="7")
    assert {name: job.instances for name, job in found.items()} == {
        "Clean": ("ml.m5.xlarge", 2),
        "Fit": ("ml.t3.large", 3),
        "Export": ("ml.m5.xlarge", 2),
    }
    assert found["Fit"].arguments("?") == ("--seed", "7")
    assert found["Fit"].entrypoint == ("python3", f"{tables.INPUT}/code/fit.py")
    assert found["Clean"].image == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/tables:1"


def test_inputs_are_whole_and_an_execution_s_own_keys_are_begun(definition: Definition) -> None:
    found = jobs(definition, InputPrefix="raw/today")
    inputs = {one.name: (str(one.where), one.whole) for one in found["Clean"].inputs}
    assert inputs["raw"] == ("s3://local-artifacts/raw/today", True)
    assert inputs.keys() == {"raw", "code", "lib"}
    # what another step leaves is known to the execution alone
    assert [one.name for one in found["Fit"].inputs] == ["code", "lib"]
    outputs = [(one.name, str(one.where), one.whole) for one in found["Fit"].outputs]
    assert outputs == [
        ("model", "s3://local-artifacts/runs/", False),
        ("metrics", "s3://local-artifacts/runs/", False),
    ]


def test_what_is_not_known_is_said_to_be_so() -> None:
    step = {
        "Name": "A",
        "Type": "Processing",
        "Arguments": {
            "AppSpecification": {
                "ImageUri": {"Get": "Steps.B.Image"},
                "ContainerEntrypoint": [{"Get": "Execution.PipelineName"}],
                "ContainerArguments": ["--x", {"Std:JsonGet": {"S3Uri": "s3://b/k", "Path": "a"}}],
            },
            "ProcessingInputs": [
                {"InputName": "own", "AppManaged": True, "S3Input": {"S3Uri": "s3://b/k"}},
                {"InputName": "table", "DatasetDefinition": {}},
                {"InputName": "odd", "S3Input": {"S3Uri": "https://b/k"}},
            ],
        },
    }
    (job,) = foreseen.jobs(Definition.read({"Steps": [step]}), {})
    assert (job.image, job.instances, job.entrypoint) == (None, None, ("",))
    assert job.arguments("?") == ("--x", "?")
    assert (job.inputs, job.outputs) == ((), ())


@pytest.mark.parametrize("arguments", [None, [], "x", {"ProcessingInputs": 3}])
def test_a_malformed_job_has_nothing(arguments: Any) -> None:
    step = {"Name": "A", "Type": "Processing", "Arguments": arguments}
    (job,) = foreseen.jobs(Definition.read({"Steps": [step]}), {})
    assert (job.image, job.instances, job.inputs, job.outputs) == (None, None, (), ())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"FitInstanceCount": "0"}, f"step 'Fit', {COUNT}: is 0 (parameter FitInstanceCount);"),
        ({"FitInstanceCount": "101"}, "make it 1 to 100"),
        ({"CleanInstanceType": "ml.m5.huge"}, "ml.m5.large"),
        ({"InputPrefix": "x" * 1020}, "make it at most 1024"),
    ],
)
def test_what_the_service_would_refuse_is_refused(
    definition: Definition, given: dict[str, str], said: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        foreseen.check(definition, given)
    assert said in str(caught.value)


def test_other_values_pass(definition: Definition) -> None:
    values = foreseen.check(definition, {"FitInstanceCount": "1", "Seed": "5"})
    assert (values["FitInstanceCount"], values["Seed"], values["InputPrefix"]) == (1, 5, "raw")
    with pytest.raises(ParameterError, match="FitInstanceCounts"):
        foreseen.check(definition, {"FitInstanceCounts": "1"})


def test_what_is_wrong_whatever_is_given_is_not_the_parameters_affair(
    definition: Definition,
) -> None:
    document = dict(definition.document)
    document["Steps"] = [
        {**one, "Arguments": {**one["Arguments"], "Odd": 1}} if one["Name"] == "Fit" else one
        for one in document["Steps"]
    ]
    assert foreseen.check(Definition.read(document), {"Seed": "5"})["Seed"] == 5
