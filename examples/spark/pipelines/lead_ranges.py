"""A Spark job in a jar: `submit_class` says which of its programs is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines import jobs
from sagepipe import Build
from sagepipe.building import sdk

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import Pipeline


@sdk.builds_offline
def build(given: Build) -> Pipeline:
    """The pipeline as the SDK's object."""
    from sagemaker.core.spark.processing import SparkJarProcessor
    from sagemaker.core.workflow.functions import Join

    parameters = jobs.parameters(given)
    run = SparkJarProcessor(**jobs.cluster(given.settings, parameters)).run(
        submit_app=given.code.script("leads.jar"),
        submit_class="leads.LeadRanges",
        arguments=[
            Join(on="", values=["s3://", parameters["SourceBucket"]]),
            Join(on="/", values=["s3:/", parameters["DestBucket"], "ranges"]),
        ],
    )
    return jobs.pipeline(given.settings, parameters, "LeadRanges", run)
