"""Preprocess: recordings in, equal-sized Parquet parts, moments and a row account out."""

from __future__ import annotations

from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.steps import ProcessingStep

from steps.common import CACHE, ENVIRONMENT, HOST_ARGUMENTS, INPUT, OUTPUT, Kit, retries, s3_input
from steps.images import sklearn_image

NAME = "Preprocess"
OUTPUTS = ("train", "validation", "test", "moments", "account")


def build(kit: Kit) -> ProcessingStep:
    """Each instance reads its share of the recordings, whole recordings at a time."""
    processor = ScriptProcessor(
        command=["python3"],
        env=ENVIRONMENT,
        **kit.job("Preprocess", sklearn_image(kit.settings), hours=24, isolated=True),
    )
    bucket, prefix = kit.parameters["InputBucket"], kit.parameters["InputPrefix"]
    # Ends in a slash: as a mere string prefix, "raw" would bring in "raw-old/" as well.
    recordings = Join(on="", values=["s3://", bucket, "/", prefix, "/"])
    mode = kit.parameters["InputMode"]
    arguments = processor.run(
        code=kit.bundle.uri("preprocess.py"),
        inputs=[
            s3_input("raw", recordings, f"{INPUT}/raw", sharded=True, mode=mode),
            kit.helpers(),
        ],
        outputs=kit.outputs("preprocess", OUTPUTS),
        arguments=[
            *("--input", f"{INPUT}/raw"),
            *("--input-mode", kit.text("InputMode")),
            *("--input-uri", recordings),
            *("--output", OUTPUT),
            *("--leads", kit.text("Leads")),
            *("--sampling-rate", kit.text("SamplingRate")),
            *("--fill", kit.text("Fill")),
            *("--max-gap", kit.text("MaxGap")),
            *("--split", kit.text("Split")),
            *("--seed", kit.text("Seed")),
            *("--rows-per-part", kit.text("RowsPerPart")),
            *HOST_ARGUMENTS,
        ],
    )
    return ProcessingStep(
        name=NAME,
        description="Clean the recordings, split them, write parts and moments",
        step_args=arguments,
        cache_config=CACHE,
        retry_policies=retries(),
    )
