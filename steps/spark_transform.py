"""SparkTransform: windowed features of the components, from S3 to S3."""

from __future__ import annotations

from sagemaker.core.spark.processing import PySparkProcessor
from sagemaker.mlops.workflow.steps import ProcessingStep

from sagepipe.deploy.bundle import HELPERS_ZIP, SPARK_CONFIGURATION
from steps.common import CACHE, INPUT, OUTPUT, Kit, output, output_uri, retries, s3_input
from steps.images import spark_image

NAME = "SparkTransform"


def build(kit: Kit, pca: ProcessingStep) -> ProcessingStep:
    """Spark reads and writes `s3://` itself. Where to write, the script takes from the job's own
    output of the name it is given: the URI holds the execution id, which mustn't be an argument,
    or the step would never be cached. The output's folder carries a receipt."""
    processor = PySparkProcessor(
        env={"PYTHONHASHSEED": "0"},  # executors must agree on the hash of a string
        **kit.job("Spark", spark_image(kit.settings), hours=12, isolated=False),
    )
    arguments = processor.run(
        submit_app=kit.bundle.uri("spark_transform.py"),
        submit_py_files=[kit.bundle.uri(HELPERS_ZIP)],
        inputs=[s3_input("conf", kit.bundle.uri(SPARK_CONFIGURATION), f"{INPUT}/conf")],
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
        cache_config=CACHE,
        retry_policies=retries(),
    )
