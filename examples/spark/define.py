"""Two pipelines of one Spark job each, built with the SageMaker SDK v3; writes their definitions.

    python -m examples.spark.define

They use the buckets `example-code`, `example-data` and `example-results`. Locally the first two are
folders beside this file, and the last one a folder of the store, made before it is written to as a
bucket has to be:

    mkdir -p local-store/example-results local-store/example-jars
    python -m pipelines.run --definition examples/spark/pyspark.json \\
        --bucket example-code=examples/spark/code:ro --bucket example-data=examples/spark/data:ro
    python -m examples.spark.build_jar local-store/example-jars/lead-ranges.jar
    python -m pipelines.run --definition examples/spark/spark_jar.json \\
        --bucket example-data=examples/spark/data:ro
    python -m pipelines.history
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sagepipe.building import sdk
from sagepipe.settings.facts import Settings

HERE = Path(__file__).parent
CODE, DATA, JARS, RESULTS = (f"example-{name}" for name in ("code", "data", "jars", "results"))
REGION = "eu-west-1"


def definitions() -> dict[str, Any]:
    """The definition of each pipeline, by its file's name."""
    # Keeps the SDK from making AWS calls while it builds.
    with sdk.offline(REGION):
        from sagemaker.core import image_uris
        from sagemaker.core.processing import ProcessingInput
        from sagemaker.core.shapes import ProcessingS3Input
        from sagemaker.core.spark.processing import PySparkProcessor, SparkJarProcessor
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join
        from sagemaker.mlops.workflow.pipeline import Pipeline
        from sagemaker.mlops.workflow.steps import ProcessingStep

        session = sdk.session(Settings.local())
        job = {
            "image_uri": image_uris.retrieve(
                "spark", REGION, version="3.5", py_version="py312", container_version="v1.3"
            ),
            "role": "arn:aws:iam::123456789012:role/example",
            "instance_type": "ml.m5.xlarge",
            "instance_count": 2,
            "max_runtime_in_seconds": 1200,
            "sagemaker_session": session,
        }
        execution = ExecutionVariables.PIPELINE_EXECUTION_ID
        configuration = ProcessingInput(
            input_name="conf",
            s3_input=ProcessingS3Input(
                s3_uri=f"s3://{CODE}/conf/configuration.json",
                local_path="/opt/ml/processing/input/conf",
                s3_data_type="S3Prefix",
                s3_input_mode="File",
            ),
        )
        pyspark = PySparkProcessor(**job).run(
            # With s3:// for code, and the configuration as an input of our own, building uploads
            # nothing and gives the same definition each time.
            submit_app=f"s3://{CODE}/flag_samples.py",
            submit_py_files=[f"s3://{CODE}/voltage.py"],
            submit_files=[f"s3://{CODE}/limits.csv"],
            inputs=[configuration],
            arguments=["--source-bucket", DATA, "--dest-bucket", RESULTS],
            spark_event_logs_s3_uri=Join(
                on="/", values=[f"s3://{RESULTS}/spark-events", execution]
            ),
        )
        jar = SparkJarProcessor(**job).run(
            submit_app=f"s3://{JARS}/lead-ranges.jar",
            submit_class="examples.LeadRanges",
            arguments=[f"s3://{DATA}/recordings", f"s3://{RESULTS}/ranges"],
        )
        steps = {
            "pyspark.json": ProcessingStep(name="FlagSamples", step_args=pyspark),
            "spark_jar.json": ProcessingStep(name="LeadRanges", step_args=jar),
        }
        found = {}
        for name, step in steps.items():
            pipeline = Pipeline(
                name=f"example-{Path(name).stem}".replace("_", "-"),
                steps=[step],
                pipeline_experiment_config=None,
                sagemaker_session=session,
            )
            members = json.loads(pipeline.definition())
            found[name] = {key: value for key, value in members.items() if value is not None}
        return found


if __name__ == "__main__":
    for name, definition in definitions().items():
        (HERE / name).write_text(json.dumps(definition, indent=2) + "\n", encoding="utf-8")
