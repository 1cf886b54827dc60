"""One processing job of eight instances that share the recordings, built with the SDK v3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagepipe import ARTIFACT_BUCKET, Build, Parameter
from sagepipe.building import sdk
from sagepipe.building.parameters import resolve, to_sdk

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import Pipeline

BASE = "/opt/ml/processing"

PARAMETERS = (
    Parameter("Input", "String", "s3://ecg-recordings/", "Where the recordings lie"),
    Parameter("OutputBucket", "String", ARTIFACT_BUCKET, "Bucket of the components"),
    Parameter("Instances", "Integer", 8, "Instances, each with its share of the recordings"),
)


@sdk.builds_offline
def build(given: Build) -> Pipeline:
    """The pipeline as the SDK's object."""
    from sagemaker.core import image_uris
    from sagemaker.core.processing import Processor
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join
    from sagemaker.mlops.workflow.pipeline import Pipeline
    from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep

    settings = given.settings
    session = sdk.session(settings)
    parameters = {one.name: to_sdk(one) for one in resolve(PARAMETERS, settings)}
    execution = ExecutionVariables.PIPELINE_EXECUTION_ID
    components = ProcessingS3Output(
        s3_uri=Join(
            on="/", values=["s3:/", parameters["OutputBucket"], "runs", execution, "components"]
        ),
        local_path=f"{BASE}/output",
        s3_upload_mode="EndOfJob",
    )
    processor = Processor(
        image_uri=settings.sklearn_image
        or image_uris.retrieve("sklearn", settings.region, version="1.9-0"),
        role=settings.role_arn,
        instance_type="ml.m5.large",
        instance_count=parameters["Instances"],
        entrypoint=["python3", f"{BASE}/script/pca_recordings.py"],
        env={"OPENBLAS_NUM_THREADS": "1"},
        sagemaker_session=session,
    )
    run = processor.run(
        inputs=[
            _input("data", parameters["Input"], "data", "ShardedByS3Key"),
            _input("script", given.code.script("pca_recordings.py"), "script", "FullyReplicated"),
        ],
        outputs=[ProcessingOutput(output_name="components", s3_output=components)],
    )
    caching = CacheConfig(enable_caching=True, expire_after="P30D")
    return Pipeline(
        name=settings.pipeline_name,
        parameters=list(parameters.values()),
        steps=[ProcessingStep(name="Pca", step_args=run, cache_config=caching)],
        pipeline_experiment_config=None,  # the default makes an experiment for each execution
        sagemaker_session=session,
    )


def _input(name: str, uri: Any, folder: str, distribution: str) -> Any:
    from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

    place = ProcessingS3Input(
        s3_uri=uri,
        local_path=f"{BASE}/{folder}",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
        s3_data_distribution_type=distribution,
    )
    return ProcessingInput(input_name=name, s3_input=place)
