"""PcaRecordings: the principal components of each recording by itself, CSV to CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagepipe import Parameter
from steps.common import (
    ENVIRONMENT,
    HOST_ARGUMENTS,
    INPUT,
    OUTPUT,
    Kit,
    resources,
    retries,
    s3_input,
)
from steps.images import sklearn_image

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.steps import ProcessingStep

NAME = "PcaRecordings"

RESOURCES = resources(
    "Pca", NAME, type_="ml.m5.large", count=8, sharing="; they share the recordings"
)
OPTIONS = (
    Parameter(
        "Leads",
        "String",
        "1,2,3,4",
        "Leads to read: all, or names or 0-based column positions such as i,ii,v1 or 1,2,3",
    ),
    Parameter(
        "NComponents",
        "String",
        "4",
        "Components to keep: a number, a share of the variance such as 0.95, or all",
    ),
)


def build(kit: Kit) -> ProcessingStep:
    """Each instance takes its share of the recordings; `pca_<name>.csv` comes of each.

    Not cached: the recordings lie under a prefix that people add to, and the service's cache
    compares prefixes, not what is in them.
    """
    from sagemaker.core.processing import Processor
    from sagemaker.mlops.workflow.steps import ProcessingStep

    processor = Processor(
        entrypoint=["python3", f"{INPUT}/code/pca.py"],
        env=ENVIRONMENT,
        **kit.job("Pca", sklearn_image(kit.settings), hours=24, isolated=True),
    )
    arguments = processor.run(
        inputs=[
            s3_input("raw", kit.recordings(), f"{INPUT}/raw", sharded=True),
            s3_input("code", kit.build.code.script("pca.py"), f"{INPUT}/code"),
            kit.helpers(),
        ],
        outputs=kit.outputs("pca", ("components",)),
        arguments=[
            *("--scope", "recording"),
            *("--input", f"{INPUT}/raw"),
            *("--output", OUTPUT),
            *("--format", "csv"),
            *("--leads", kit.text("Leads")),
            *("--n-components", kit.text("NComponents")),
            *HOST_ARGUMENTS,
        ],
    )
    return ProcessingStep(
        name=NAME,
        description="The principal components of each recording by itself",
        step_args=arguments,
        retry_policies=retries(),
    )
