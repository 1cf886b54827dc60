"""Each recording's own principal components, as the usual script makes them, on 8 instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines import places, sample
from sagepipe import Build, InputFolder, Pipeline
from sagepipe.building import sdk
from sagepipe.building.scripts import by_scripts
from steps import common, pca_recordings

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import Pipeline as SdkPipeline

PARAMETERS = (
    *common.ORIGIN,
    *common.DESTINATION,
    *pca_recordings.RESOURCES,
    *pca_recordings.OPTIONS,
)


@sdk.builds_offline
def build(given: Build) -> SdkPipeline:
    """The pipeline as the SDK's object."""
    kit = common.kit(given, PARAMETERS)
    return common.pipeline(kit, [pca_recordings.build(kit)])


PIPELINE = Pipeline(
    "ecg-recordings",
    "The principal components of each recording by itself, CSV to CSV",
    build=build,
    code=places.CODE,
    parameters=PARAMETERS,
    input=InputFolder("InputBucket", "InputPrefix", sample.Recordings()),
    cached_here=(pca_recordings.NAME,),
    throughput=places.THROUGHPUT,
    ask=by_scripts,
    looks_like=places.is_recording,
)
