"""A FrameworkProcessor: a folder of code with its requirements, as the SageMaker SDK v3 ships it.

    python -m examples.framework.define local-store

writes framework.json, and puts what the SDK would upload to S3 (the tarball of `source`, its
`runproc.sh` and `install_requirements.py`) into the store. To run it:

    python -m pipelines.run --definition examples/framework/framework.json --logs Summarise \\
        --bucket example-data=examples/pca/data:ro

What to know about it: the SDK puts everything in `source` into the tarball, `__pycache__` too; left
to itself it uploads under a new name each time, which keeps the step cache from ever being hit, so
`job_name` is given here; and `requirements.txt` is installed when the job starts, here into a
Python of the instance's own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from sagepipe.building import sdk
from sagepipe.language.s3 import Location
from sagepipe.local.store import Store
from sagepipe.settings.facts import Settings

HERE = Path(__file__).parent
UPLOADS, DATA, RESULTS = (f"example-{name}" for name in ("uploads", "data", "results"))
REGION = "eu-west-1"
BASE = "/opt/ml/processing"


def definitions(store: Store) -> dict[str, Any]:
    """The definition by its file's name; what the SDK uploads goes into the store."""

    def upload(body: str | bytes, desired_s3_uri: str, **_: Any) -> str:
        data = body.encode() if isinstance(body, str) else body
        store.put(Location.parse(desired_s3_uri), data)
        return desired_s3_uri

    # Keeps the SDK from making AWS calls while it builds.
    with sdk.offline(REGION):
        from sagemaker.core import image_uris, s3
        from sagemaker.core.processing import (
            FrameworkProcessor,
            ProcessingInput,
            ProcessingOutput,
        )
        from sagemaker.core.shapes import ProcessingS3Input, ProcessingS3Output
        from sagemaker.mlops.workflow.pipeline import Pipeline
        from sagemaker.mlops.workflow.steps import ProcessingStep

        session = sdk.session(Settings.local())
        processor = FrameworkProcessor(
            image_uri=image_uris.retrieve("sklearn", REGION, version="1.9-0"),
            role="arn:aws:iam::123456789012:role/example",
            instance_type="ml.m5.large",
            instance_count=1,
            command=["python3"],
            code_location=f"s3://{UPLOADS}",
            sagemaker_session=session,
        )
        data = ProcessingS3Input(
            s3_uri=f"s3://{DATA}/recordings/",
            local_path=f"{BASE}/input/data",
            s3_data_type="S3Prefix",
            s3_input_mode="File",
        )
        counts = ProcessingS3Output(
            s3_uri=f"s3://{RESULTS}/counts",
            local_path=f"{BASE}/output/counts",
            s3_upload_mode="EndOfJob",
        )
        with mock.patch.object(s3.S3Uploader, "upload_string_as_file_body", upload):
            run = processor.run(
                code="summarise.py",
                source_dir=str(HERE / "source"),
                requirements="requirements.txt",
                inputs=[ProcessingInput(input_name="data", s3_input=data)],
                outputs=[ProcessingOutput(output_name="counts", s3_output=counts)],
                arguments=["--input", f"{BASE}/input/data", "--output", f"{BASE}/output/counts"],
                job_name="framework",
            )
            pipeline = Pipeline(
                name="example-framework",
                steps=[ProcessingStep(name="Summarise", step_args=run)],
                pipeline_experiment_config=None,
                sagemaker_session=session,
            )
            members = json.loads(pipeline.definition())
        return {"framework.json": {k: v for k, v in members.items() if v is not None}}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m examples.framework.define STORE")
    for name, definition in definitions(Store(Path(sys.argv[1]).resolve())).items():
        (HERE / name).write_text(json.dumps(definition, indent=2) + "\n", encoding="utf-8")
