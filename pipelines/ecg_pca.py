"""The pipeline: Preprocess, Pca, a quality gate, SparkTransform.

    raw ──▶ Preprocess ──▶ Pca ──▶ QualityGate ──▶ SparkTransform
                                        └────────▶ QualityGateFailed

Building makes no network call and needs no account; the definition depends on the settings and
on the bytes in code/ alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines import ecg_figures, places, sample
from sagepipe import Build, InputFolder, Pipeline
from sagepipe.building import sdk
from steps import common, gate, pca, preprocess, spark_transform

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import Pipeline as SdkPipeline

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
def build(given: Build) -> SdkPipeline:
    """The pipeline as the SDK's object."""
    kit = common.kit(given, PARAMETERS)
    parts = preprocess.build(kit)
    components = pca.build(kit, parts)
    features = spark_transform.build(kit, components)
    return common.pipeline(kit, [parts, components, gate.build(kit, components, then=[features])])


PIPELINE = Pipeline(
    "ecg-pca",
    "Multi-lead ECG: Preprocess, Pca, a quality gate, SparkTransform",
    build=build,
    code=places.CODE,
    parameters=PARAMETERS,
    max_parallel_steps=4,
    figures=ecg_figures.find,
    input=InputFolder(
        "InputBucket",
        "InputPrefix",
        sample.Recordings({"RowsPerPart": str(sample.ROWS_PER_PART)}),
    ),
    cached_here=(preprocess.NAME,),
    throughput=places.THROUGHPUT,
)
