"""One script run in three ways, side by side: Processor, ScriptProcessor, the sklearn image.

    python -m examples.processors.define

writes processors.json with the SageMaker SDK v3. To run it, with two folders as buckets:

    python -m pipelines.run --definition examples/processors/processors.json \\
        --bucket example-code=examples/processors/code:ro \\
        --bucket example-data=examples/processors/data:ro

- **Processor** knows nothing of scripts: the script is an input like any other, and the entrypoint
  says how to run it.
- **ScriptProcessor** takes the script as `code`, makes the input itself and puts `command` before
  it.
- **The sklearn image** (v2 called it SKLearnProcessor) is a ScriptProcessor on a managed image.
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
SCRIPT = f"s3://{CODE}/split.py"


def definitions() -> dict[str, Any]:
    """The definition by its file's name."""
    # Keeps the SDK from making AWS calls while it builds.
    with sdk.offline(REGION):
        from sagemaker.core import image_uris
        from sagemaker.core.processing import (
            ProcessingInput,
            ProcessingOutput,
            Processor,
            ScriptProcessor,
        )
        from sagemaker.core.shapes import ProcessingS3Input, ProcessingS3Output
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join
        from sagemaker.mlops.workflow.pipeline import Pipeline
        from sagemaker.mlops.workflow.steps import ProcessingStep

        session = sdk.session(Settings.local())
        sklearn = image_uris.retrieve("sklearn", REGION, version="1.9-0")
        job = {
            "role": "arn:aws:iam::123456789012:role/example",
            "instance_type": "ml.m5.large",
            "instance_count": 1,
            "sagemaker_session": session,
        }
        own = {**job, "image_uri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/python:3.12"}

        def source(name: str, uri: str, folder: str) -> Any:
            kinds = {"s3_data_type": "S3Prefix", "s3_input_mode": "File"}
            place = ProcessingS3Input(s3_uri=uri, local_path=f"{BASE}/{folder}", **kinds)
            return ProcessingInput(input_name=name, s3_input=place)

        def outputs(step: str) -> list[Any]:
            execution = ExecutionVariables.PIPELINE_EXECUTION_ID
            return [
                ProcessingOutput(
                    output_name=split,
                    s3_output=ProcessingS3Output(
                        s3_uri=Join(on="/", values=[f"s3://{RESULTS}", execution, step, split]),
                        local_path=f"{BASE}/output/{split}",
                        s3_upload_mode="EndOfJob",
                    ),
                )
                for split in ("train", "validation", "test")
            ]

        data = source("data", f"s3://{DATA}/recordings/", "data")
        base = Processor(
            entrypoint=["python3", f"{BASE}/input/split.py", "--processor=base"], **own
        ).run(inputs=[data, source("script", SCRIPT, "input")], outputs=outputs("base"))
        script = ScriptProcessor(command=["python3"], env={"PROCESSOR": "script"}, **own).run(
            code=SCRIPT, inputs=[data], outputs=outputs("script")
        )
        managed = ScriptProcessor(
            image_uri=sklearn, command=["python3"], env={"PROCESSOR": "sklearn"}, **job
        ).run(code=SCRIPT, inputs=[data], outputs=outputs("sklearn"))
        steps = {"BaseProcessor": base, "ScriptProcessor": script, "SklearnImage": managed}
        pipeline = Pipeline(
            name="example-processors",
            steps=[ProcessingStep(name=name, step_args=run) for name, run in steps.items()],
            pipeline_experiment_config=None,
            sagemaker_session=session,
        )
        members = json.loads(pipeline.definition())
        return {"processors.json": {k: v for k, v in members.items() if v is not None}}


if __name__ == "__main__":
    for name, definition in definitions().items():
        (HERE / name).write_text(json.dumps(definition, indent=2) + "\n", encoding="utf-8")
