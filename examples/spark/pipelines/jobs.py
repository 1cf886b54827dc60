"""What the two pipelines share: their parameters, and what their Spark jobs run on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagepipe import ARTIFACT_BUCKET, Build, Parameter
from sagepipe.building import sdk
from sagepipe.building.parameters import resolve, to_sdk
from sagepipe.settings.facts import Settings

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import Pipeline

PARAMETERS = (
    Parameter("SourceBucket", "String", "ecg-recordings", "Bucket of the recordings"),
    Parameter("DestBucket", "String", ARTIFACT_BUCKET, "Bucket of the results"),
    Parameter("Instances", "Integer", 2, "Instances, one Spark cluster of them"),
)


def parameters(given: Build) -> dict[str, Any]:
    """The SDK's parameter of each name."""
    return {one.name: to_sdk(one) for one in resolve(PARAMETERS, given.settings)}


def cluster(settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    """What both kinds of Spark processor are made with."""
    from sagemaker.core import image_uris

    return {
        "image_uri": settings.spark_image
        or image_uris.retrieve(
            "spark", settings.region, version="3.5", py_version="py312", container_version="v1.3"
        ),
        "role": settings.role_arn,
        "instance_type": "ml.m5.xlarge",
        "instance_count": given["Instances"],
        "max_runtime_in_seconds": 1200,
        "sagemaker_session": sdk.session(settings),
    }


def pipeline(settings: Settings, given: Mapping[str, Any], step: str, run: Any) -> Pipeline:
    """The SDK's pipeline of one step."""
    from sagemaker.mlops.workflow.pipeline import Pipeline
    from sagemaker.mlops.workflow.steps import ProcessingStep

    return Pipeline(
        name=settings.pipeline_name,
        parameters=list(given.values()),
        steps=[ProcessingStep(name=step, step_args=run)],
        pipeline_experiment_config=None,  # the default makes an experiment for each execution
        sagemaker_session=sdk.session(settings),
    )
