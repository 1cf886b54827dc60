"""A FrameworkProcessor of SDK v3: it unpacks a folder of code, installs its requirements, runs it.

`given.code.source_dir` packs the folder, without `__pycache__` and with the same bytes each time,
under a key that holds their hash. Left to itself, the SDK packs it under the time of the build, so
that no step is ever found in the cache. The two scripts that it adds become artifacts too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagepipe import ARTIFACT_BUCKET, Build, Parameter
from sagepipe.building import sdk
from sagepipe.building.parameters import resolve, to_sdk

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import Pipeline

BASE = "/opt/ml/processing"

PARAMETERS = (
    Parameter("Input", "String", "s3://ecg-recordings/", "Where the recordings lie"),
    Parameter("OutputBucket", "String", ARTIFACT_BUCKET, "Bucket of the counts"),
)


@sdk.builds_offline
def build(given: Build) -> Pipeline:
    """The pipeline as the SDK's object."""
    from sagemaker.core import image_uris
    from sagemaker.core.processing import FrameworkProcessor
    from sagemaker.core.shapes import (
        ProcessingInput,
        ProcessingOutput,
        ProcessingS3Input,
        ProcessingS3Output,
    )
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join
    from sagemaker.mlops.workflow.pipeline import Pipeline
    from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep

    settings = given.settings
    session = sdk.session(settings)
    parameters = {one.name: to_sdk(one) for one in resolve(PARAMETERS, settings)}
    execution = ExecutionVariables.PIPELINE_EXECUTION_ID
    recordings = ProcessingS3Input(
        s3_uri=parameters["Input"],
        local_path=f"{BASE}/input/data",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
    )
    counts = ProcessingS3Output(
        s3_uri=Join(
            on="/", values=["s3:/", parameters["OutputBucket"], "runs", execution, "counts"]
        ),
        local_path=f"{BASE}/output/counts",
        s3_upload_mode="EndOfJob",
    )
    run = FrameworkProcessor(
        image_uri=settings.sklearn_image
        or image_uris.retrieve("sklearn", settings.region, version="1.9-0"),
        role=settings.role_arn,
        instance_type="ml.m5.large",
        instance_count=1,
        command=["python3"],
        sagemaker_session=session,
    ).run(
        code="summarise.py",
        source_dir=given.code.source_dir("counting"),
        requirements="requirements.txt",
        inputs=[ProcessingInput(input_name="recordings", s3_input=recordings)],
        outputs=[ProcessingOutput(output_name="counts", s3_output=counts)],
        arguments=["--input", f"{BASE}/input/data", "--output", f"{BASE}/output/counts"],
    )
    caching = CacheConfig(enable_caching=True, expire_after="P30D")
    return Pipeline(
        name=settings.pipeline_name,
        parameters=list(parameters.values()),
        steps=[ProcessingStep(name="Summarise", step_args=run, cache_config=caching)],
        pipeline_experiment_config=None,  # the default makes an experiment for each execution
        sagemaker_session=session,
    )
