"""The pipeline: Preprocess, Pca, a quality gate, SparkTransform.

    raw ──▶ Preprocess ──▶ Pca ──▶ QualityGate ──▶ SparkTransform
                                        └────────▶ QualityGateFailed

Building makes no network call and needs no account; the definition depends on the settings and
on the bytes in code/ alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagepipe import Build
from sagepipe.building import sdk
from steps import common, gate, pca, preprocess, spark_transform

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import Pipeline

PARAMETERS = (
    *preprocess.SOURCE,
    *common.DESTINATION,
    *preprocess.RESOURCES,
    *pca.RESOURCES,
    *spark_transform.RESOURCES,
    *preprocess.OPTIONS,
    *pca.OPTIONS,
    *spark_transform.OPTIONS,
    *gate.OPTIONS,
)


@sdk.builds_offline
def build(given: Build) -> Pipeline:
    """The pipeline as the SDK's object."""
    kit = common.kit(given, PARAMETERS)
    parts = preprocess.build(kit)
    components = pca.build(kit, parts)
    features = spark_transform.build(kit, components)
    return common.pipeline(kit, [parts, components, gate.build(kit, components, then=[features])])
