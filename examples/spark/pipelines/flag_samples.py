"""A PySpark job with all that one can bring along: modules, jars, files and configuration.

The files are `s3://` artifacts, named by their content. `configuration` is EMR's, as a list; what
the SDK would upload of it becomes an artifact too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines import jobs
from sagepipe import Build
from sagepipe.building import sdk

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import Pipeline

CONFIGURATION = [
    {
        "Classification": "spark-defaults",
        "Properties": {
            "spark.sql.shuffle.partitions": "3",
            "spark.sql.session.timeZone": "UTC",
        },
    }
]


@sdk.builds_offline
def build(given: Build) -> Pipeline:
    """The pipeline as the SDK's object."""
    from sagemaker.core.spark.processing import PySparkProcessor
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join

    parameters = jobs.parameters(given)
    source, dest = parameters["SourceBucket"], parameters["DestBucket"]
    execution = ExecutionVariables.PIPELINE_EXECUTION_ID
    run = PySparkProcessor(**jobs.cluster(given.settings, parameters)).run(
        submit_app=given.code.script("flag_samples.py"),
        submit_py_files=[given.code.script("voltage.py")],
        submit_jars=[given.code.script("leads.jar")],
        submit_files=[given.code.script("limits.csv")],
        configuration=CONFIGURATION,
        arguments=["--source-bucket", source, "--dest-bucket", dest],
        spark_event_logs_s3_uri=Join(on="/", values=["s3:/", dest, "spark-events", execution]),
    )
    return jobs.pipeline(given.settings, parameters, "FlagSamples", run)
