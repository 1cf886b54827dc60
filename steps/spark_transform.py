"""SparkTransform: windowed features of the components, from S3 to S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagepipe import Parameter
from sagepipe.settings.facts import Settings
from steps.common import (
    HELPERS,
    INPUT,
    OUTPUT,
    Kit,
    cached,
    output,
    output_uri,
    resources,
    retries,
    s3_input,
)
from steps.images import spark_image

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.steps import ProcessingStep

NAME = "SparkTransform"

RESOURCES = resources("Spark", NAME, type_="ml.m5.xlarge", count=2, sharing=", one cluster")
OPTIONS = (
    Parameter("WindowSeconds", "String", "10", "Length of a feature window in seconds"),
    Parameter("StepSeconds", "String", "5", "Seconds from one window's start to the next"),
)

# The managed image reads it, as EMR classifications, from the input channel `conf` and appends it
# to its own defaults, so these values win.
CONFIGURATION = [
    {
        "Classification": "spark-defaults",
        "Properties": {
            # The image commits with algorithm 2, which lets a second attempt of a running task
            # write beside the first; no speculation, no such attempt.
            "spark.speculation": "false",
            # A partition is what its folder is called: split=1 would otherwise become an integer.
            "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
            # The same features whatever the time zone of the machine.
            "spark.sql.session.timeZone": "UTC",
        },
    }
]


def configuration(settings: Settings) -> list[dict[str, Any]]:
    """What Spark is told besides its arguments. The job's own key is for what SageMaker uploads;
    what Spark writes itself gets the same key from S3A, or the bucket's default without one."""
    if not settings.output_kms_key:
        return CONFIGURATION
    encryption = {
        "fs.s3a.encryption.algorithm": "SSE-KMS",
        "fs.s3a.encryption.key": settings.output_kms_key,
    }
    return [*CONFIGURATION, {"Classification": "core-site", "Properties": encryption}]


def build(kit: Kit, pca: ProcessingStep) -> ProcessingStep:
    """Spark reads and writes `s3://` itself. Where to write, the script takes from the job's own
    output of the name it is given: the URI holds the execution id, which mustn't be an argument,
    or the step would never be cached. The output's folder carries a receipt."""
    from sagemaker.core.spark.processing import PySparkProcessor
    from sagemaker.mlops.workflow.steps import ProcessingStep

    code, settings = kit.build.code, configuration(kit.settings)
    processor = PySparkProcessor(
        env={"PYTHONHASHSEED": "0"},  # executors must agree on the hash of a string
        **kit.job("Spark", spark_image(kit.settings), hours=12, isolated=False),
    )
    arguments = processor.run(
        submit_app=code.script("spark_transform.py"),
        submit_py_files=[code.package(HELPERS)],
        inputs=[s3_input("conf", code.document("configuration.json", settings), f"{INPUT}/conf")],
        outputs=[output("features", f"{OUTPUT}/features", kit.run_uri("features"))],
        arguments=[
            *("--input", output_uri(pca, "components")),
            *("--output-name", "features"),
            *("--job-config", "/opt/ml/config/processingjobconfig.json"),
            *("--receipt-dir", f"{OUTPUT}/features"),
            *("--window", kit.text("WindowSeconds")),
            *("--step", kit.text("StepSeconds")),
        ],
        # An output, uploaded while the job runs; the arguments have only its local folder.
        spark_event_logs_s3_uri=kit.run_uri("spark-events"),
    )
    return ProcessingStep(
        name=NAME,
        description="Windowed features of each component",
        step_args=arguments,
        cache_config=cached(),
        retry_policies=retries(),
    )
