"""PCA of each recording on eight instances that share the recordings (ShardedByS3Key).

    python -m examples.pca.define

writes pca.json with the SageMaker SDK v3. To run it, with two folders as buckets:

    python -m pipelines.run --definition examples/pca/pca.json --logs Pca \\
        --bucket example-code=examples/pca/code:ro --bucket example-data=examples/pca/data:ro

There are ten recordings, so two instances get two of them. `-p Instances=12 --no-cache` leaves two
instances without any, which a script must bear. (Without --no-cache the step cache has the result
already: the number of instances isn't in its key.)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sagepipe.building import sdk
from sagepipe.settings.facts import Settings

HERE = Path(__file__).parent
CODE, DATA, RESULTS = (f"example-{name}" for name in ("code", "data", "results"))
REGION = "eu-west-1"
BASE = "/opt/ml/processing"


def definitions() -> dict[str, Any]:
    """The definition by its file's name."""
    # Keeps the SDK from making AWS calls while it builds.
    with sdk.offline(REGION):
        from sagemaker.core import image_uris
        from sagemaker.core.processing import ProcessingInput, ProcessingOutput, Processor
        from sagemaker.core.shapes import ProcessingS3Input, ProcessingS3Output
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join
        from sagemaker.core.workflow.parameters import ParameterInteger
        from sagemaker.mlops.workflow.pipeline import Pipeline
        from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep

        session = sdk.session(Settings.local())
        instances = ParameterInteger("Instances", default_value=8)

        def source(name: str, uri: str, folder: str, distribution: str) -> Any:
            place = ProcessingS3Input(
                s3_uri=uri,
                local_path=f"{BASE}/{folder}",
                s3_data_type="S3Prefix",
                s3_input_mode="File",
                s3_data_distribution_type=distribution,
            )
            return ProcessingInput(input_name=name, s3_input=place)

        execution = ExecutionVariables.PIPELINE_EXECUTION_ID
        components = ProcessingOutput(
            output_name="components",
            s3_output=ProcessingS3Output(
                s3_uri=Join(on="/", values=[f"s3://{RESULTS}", execution, "components"]),
                local_path=f"{BASE}/output",
                s3_upload_mode="EndOfJob",
            ),
        )
        processor = Processor(
            image_uri=image_uris.retrieve("sklearn", REGION, version="1.9-0"),
            role="arn:aws:iam::123456789012:role/example",
            instance_type="ml.m5.large",
            instance_count=instances,
            entrypoint=["python3", f"{BASE}/script/pca_recordings.py"],
            env={"OPENBLAS_NUM_THREADS": "1"},
            sagemaker_session=session,
        )
        run = processor.run(
            inputs=[
                source("data", f"s3://{DATA}/recordings/", "data", "ShardedByS3Key"),
                source("script", f"s3://{CODE}/pca_recordings.py", "script", "FullyReplicated"),
            ],
            outputs=[components],
        )
        caching = CacheConfig(enable_caching=True, expire_after="P30D")
        pipeline = Pipeline(
            name="example-pca",
            parameters=[instances],
            steps=[ProcessingStep(name="Pca", step_args=run, cache_config=caching)],
            pipeline_experiment_config=None,
            sagemaker_session=session,
        )
        members = json.loads(pipeline.definition())
        return {"pca.json": {k: v for k, v in members.items() if v is not None}}


if __name__ == "__main__":
    for name, definition in definitions().items():
        (HERE / name).write_text(json.dumps(definition, indent=2) + "\n", encoding="utf-8")
