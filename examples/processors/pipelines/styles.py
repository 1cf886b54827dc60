"""One script in three steps that don't depend on each other, built with the SageMaker SDK v3.

- `Processor` knows nothing of scripts: they are inputs like any other, and the entrypoint says how
  to run one.
- `ScriptProcessor` takes the script as `code`, makes an input of it and puts `command` before it.
- On the managed scikit-learn image the same class is what SDK v2 calls `SKLearnProcessor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagepipe import ARTIFACT_BUCKET, Build, Parameter
from sagepipe.building import sdk
from sagepipe.building.parameters import resolve, to_sdk

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import Pipeline

BASE = "/opt/ml/processing"
CODE = f"{BASE}/input/code"
SPLITS = ("train", "validation", "test")

PARAMETERS = (
    Parameter("Input", "String", "s3://ecg-recordings/", "Where the recordings lie"),
    Parameter("OutputBucket", "String", ARTIFACT_BUCKET, "Bucket of all outputs"),
    Parameter("TestShare", "Float", 0.2, "Share of a recording's rows that goes to test"),
    Parameter(
        "Image",
        "String",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/python:3.12",
        "An image of your own with Python in it",
    ),
)


@sdk.builds_offline
def build(given: Build) -> Pipeline:
    """The pipeline as the SDK's object."""
    from sagemaker.core import image_uris
    from sagemaker.core.processing import Processor, ScriptProcessor
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join
    from sagemaker.mlops.workflow.pipeline import Pipeline
    from sagemaker.mlops.workflow.steps import ProcessingStep

    settings = given.settings
    parameters = {one.name: to_sdk(one) for one in resolve(PARAMETERS, settings)}
    script = given.code.script("split.py")
    job = {
        "role": settings.role_arn,
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "sagemaker_session": sdk.session(settings),
    }
    own = {**job, "image_uri": parameters["Image"]}
    managed = {
        **job,
        "image_uri": settings.sklearn_image
        or image_uris.retrieve("sklearn", settings.region, version="1.9-0"),
    }
    inputs = [
        _input("recordings", parameters["Input"], f"{BASE}/data"),
        # a package beside the script, in a folder of its name
        _input("shares", given.code.script("shares/__init__.py"), f"{CODE}/shares"),
    ]
    arguments = _words({"test-share": parameters["TestShare"].to_string()})

    def outputs(style: str) -> list[Any]:
        execution = ExecutionVariables.PIPELINE_EXECUTION_ID
        return [
            _output(split, Join(on="/", values=["s3:/", bucket, "runs", execution, style, split]))
            for split in SPLITS
        ]

    bucket = parameters["OutputBucket"]
    runs = {
        "BaseProcessor": Processor(entrypoint=["python3", f"{CODE}/split.py"], **own).run(
            inputs=[*inputs, _input("code", script, CODE)],
            outputs=outputs("base"),
            arguments=[*arguments, "--processor", "base"],
        ),
        "ScriptProcessor": ScriptProcessor(
            command=["python3"], env={"PROCESSOR": "script"}, **own
        ).run(code=script, inputs=inputs, outputs=outputs("script"), arguments=arguments),
        "SklearnImage": ScriptProcessor(
            command=["python3"], env={"PROCESSOR": "sklearn"}, **managed
        ).run(code=script, inputs=inputs, outputs=outputs("sklearn"), arguments=arguments),
    }
    return Pipeline(
        name=settings.pipeline_name,
        parameters=list(parameters.values()),
        steps=[ProcessingStep(name=name, step_args=run) for name, run in runs.items()],
        pipeline_experiment_config=None,  # the default makes an experiment for each execution
        sagemaker_session=job["sagemaker_session"],
    )


def _words(options: Mapping[str, Any]) -> list[Any]:
    """Options as a job takes them: a flat list of strings."""
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _input(name: str, uri: Any, path: str) -> Any:
    from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

    kinds = {"s3_data_type": "S3Prefix", "s3_input_mode": "File"}
    return ProcessingInput(
        input_name=name, s3_input=ProcessingS3Input(s3_uri=uri, local_path=path, **kinds)
    )


def _output(name: str, uri: Any) -> Any:
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output

    place = ProcessingS3Output(
        s3_uri=uri, local_path=f"{BASE}/output/{name}", s3_upload_mode="EndOfJob"
    )
    return ProcessingOutput(output_name=name, s3_output=place)
