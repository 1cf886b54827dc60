"""Preprocess: recordings in, equal-sized Parquet parts, moments and a row account out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagepipe import Parameter
from steps.common import (
    ENVIRONMENT,
    HOST_ARGUMENTS,
    INPUT,
    ORIGIN,
    OUTPUT,
    Kit,
    resources,
    retries,
    s3_input,
)
from steps.images import sklearn_image

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.steps import ProcessingStep

NAME = "Preprocess"
OUTPUTS = ("train", "validation", "test", "moments", "account")

SOURCE = (
    *ORIGIN,
    Parameter(
        "InputMode",
        "String",
        "File",
        "File copies the recordings first; Pipe streams them, which must share one header",
        ("File", "Pipe"),
    ),
    Parameter(
        "Since",
        "String",
        "all",
        "Only recordings whose key has a later date: 24h, 7d, 2026-11-20 (UTC), or all",
    ),
    Parameter(
        "Marker",
        "String",
        "none",
        "Key of an object: only recordings beside and below it; a trigger passes it",
    ),
)
RESOURCES = resources(
    "Preprocess", NAME, type_="ml.m5.xlarge", count=2, sharing="; they share the recordings"
)
OPTIONS = (
    Parameter(
        "Leads",
        "String",
        "all",
        "Leads to read: all, or names or 0-based column positions such as i,ii,v1 or 1,2,3",
    ),
    Parameter(
        "SamplingRate",
        "String",
        "none",
        "Samples per second if the first column is an index; none: it is the time in seconds",
    ),
    Parameter(
        "Fill",
        "String",
        "zero",
        "What becomes of missing values: zero, interpolate across short gaps, or drop the row",
        ("zero", "interpolate", "drop"),
    ),
    Parameter("MaxGap", "String", "0.1", "Longest gap in seconds that Fill=interpolate bridges"),
    Parameter(
        "Split",
        "String",
        "0.8,0.1,0.1",
        "Shares of the recordings for train, validation and test",
    ),
    Parameter("Seed", "Integer", 0, "Seed of the split; another seed is another assignment"),
    Parameter("RowsPerPart", "Integer", 50000, "Rows in each Parquet part of Preprocess"),
)


def build(kit: Kit) -> ProcessingStep:
    """Each instance reads its share of the recordings, whole recordings at a time.

    Not cached by the service: people add to the prefix that it reads, and the service's cache
    compares prefixes, not what is in them. A nightly run would take the first night's results.
    """
    from sagemaker.core.processing import ScriptProcessor
    from sagemaker.mlops.workflow.steps import ProcessingStep

    processor = ScriptProcessor(
        command=["python3"],
        env=ENVIRONMENT,
        **kit.job("Preprocess", sklearn_image(kit.settings), hours=24, isolated=True),
    )
    recordings = kit.recordings()
    mode = kit.parameters["InputMode"]
    arguments = processor.run(
        code=kit.build.code.script("preprocess.py"),
        inputs=[
            s3_input("raw", recordings, f"{INPUT}/raw", sharded=True, mode=mode),
            kit.helpers(),
        ],
        outputs=kit.outputs("preprocess", OUTPUTS),
        arguments=[
            *("--input", f"{INPUT}/raw"),
            *("--input-mode", kit.text("InputMode")),
            *("--input-uri", recordings),
            *("--since", kit.text("Since")),
            *("--marker", kit.text("Marker")),
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
        retry_policies=retries(),
    )
