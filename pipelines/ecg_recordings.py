"""Each recording's own principal components, as the usual script makes them, on 8 instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagepipe import Build
from sagepipe.building import sdk
from steps import common, pca_recordings, preprocess

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import Pipeline

PARAMETERS = (
    *preprocess.SOURCE[:2],
    *common.DESTINATION,
    *pca_recordings.RESOURCES,
    *pca_recordings.OPTIONS,
)


@sdk.builds_offline
def build(given: Build) -> Pipeline:
    """The pipeline as the SDK's object."""
    kit = common.kit(given, PARAMETERS)
    return common.pipeline(kit, [pca_recordings.build(kit)])
