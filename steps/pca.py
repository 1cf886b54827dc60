"""Pca: one exact PCA from everybody's moments, each instance projecting its share of the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagepipe import Parameter
from steps.common import (
    ENVIRONMENT,
    HOST_ARGUMENTS,
    INPUT,
    OUTPUT,
    Kit,
    cached,
    output_uri,
    resources,
    retries,
    s3_input,
)
from steps.images import sklearn_image

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.steps import ProcessingStep

NAME = "Pca"
OUTPUTS = ("components", "model", "metrics")
SPLITS = ("train", "validation", "test")
METRICS = "PcaMetrics"

RESOURCES = resources("Pca", NAME, type_="ml.m5.large", count=8, sharing="; they share the parts")
OPTIONS = (
    Parameter(
        "NComponents",
        "String",
        "0.95",
        "Components to keep: a number, a share of the variance such as 0.95, or all",
    ),
    Parameter(
        "Standardize",
        "String",
        "false",
        "Divide each lead by its standard deviation before the PCA",
        ("true", "false"),
    ),
    Parameter(
        "Whiten",
        "String",
        "false",
        "Scale each component to unit variance over the train rows",
        ("true", "false"),
    ),
)


def build(kit: Kit, preprocess: ProcessingStep) -> ProcessingStep:
    """Parts are shared out by object; the moments, which are small, go to every instance."""
    from sagemaker.core.processing import Processor
    from sagemaker.core.workflow.properties import PropertyFile
    from sagemaker.mlops.workflow.steps import ProcessingStep

    processor = Processor(
        entrypoint=["python3", f"{INPUT}/code/pca.py"],
        env=ENVIRONMENT,
        **kit.job("Pca", sklearn_image(kit.settings), hours=24, isolated=True),
    )
    parts = [
        s3_input(split, output_uri(preprocess, split), f"{INPUT}/parts/{split}", sharded=True)
        for split in SPLITS
    ]
    statistics = [
        s3_input(name, output_uri(preprocess, name), f"{INPUT}/{name}")
        for name in ("moments", "account")
    ]
    arguments = processor.run(
        inputs=[
            *parts,
            *statistics,
            s3_input("code", kit.build.code.script("pca.py"), f"{INPUT}/code"),
            kit.helpers(),
        ],
        outputs=kit.outputs("pca", OUTPUTS),
        arguments=[
            *("--scope", "global"),
            *("--input", f"{INPUT}/parts"),
            *("--moments", f"{INPUT}/moments"),
            *("--account", f"{INPUT}/account"),
            *("--output", OUTPUT),
            *("--n-components", kit.text("NComponents")),
            *("--standardize", kit.text("Standardize")),
            *("--whiten", kit.text("Whiten")),
            *HOST_ARGUMENTS,
        ],
    )
    return ProcessingStep(
        name=NAME,
        description="Merge the moments, solve the PCA, project the parts",
        step_args=arguments,
        property_files=[PropertyFile(METRICS, output_name="metrics", path="metrics.json")],
        cache_config=cached(),
        retry_policies=retries(),
    )
