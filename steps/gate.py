"""QualityGate: go on only with components that explain enough, from data that was clean enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sagepipe import Parameter
from steps.common import Kit, output_uri
from steps.pca import METRICS

if TYPE_CHECKING:
    from sagemaker.core.workflow.functions import JsonGet
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.steps import ProcessingStep, Step

NAME = "QualityGate"
FAILED = "QualityGateFailed"

OPTIONS = (
    Parameter(
        "MinExplainedVariance",
        "Float",
        0.9,
        "The gate stops below this share of variance in the kept components",
    ),
    Parameter(
        "MaxRejectedShare", "Float", 0.05, "The gate stops above this share of rejected rows"
    ),
)


def build(kit: Kit, pca: ProcessingStep, then: Sequence[Step]) -> ConditionStep:
    """Runs `then` if Pca's metrics pass, else fails the execution and says where they are."""
    from sagemaker.core.workflow.conditions import (
        ConditionGreaterThanOrEqualTo,
        ConditionLessThanOrEqualTo,
    )
    from sagemaker.core.workflow.functions import Join
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep

    minimum, maximum = kit.parameters["MinExplainedVariance"], kit.parameters["MaxRejectedShare"]
    # The message names thresholds and file, not the figures: Std:JsonGet is documented for
    # conditions, not for messages.
    message = Join(
        on="",
        values=[
            "The quality gate stopped this execution: the kept components must explain at least ",
            minimum,
            " of the variance and at most ",
            maximum,
            " of the rows may be rejected. See explained_variance and rejected_share in ",
            output_uri(pca, "metrics"),
            "/metrics.json; then mend the recordings, or change NComponents,"
            " MinExplainedVariance or MaxRejectedShare.",
        ],
    )
    return ConditionStep(
        name=NAME,
        description="Explained variance and rejected rows against their thresholds",
        conditions=[
            ConditionGreaterThanOrEqualTo(left=_metric("explained_variance", pca), right=minimum),
            ConditionLessThanOrEqualTo(left=_metric("rejected_share", pca), right=maximum),
        ],
        if_steps=list(then),
        else_steps=[FailStep(name=FAILED, error_message=message)],
    )


def _metric(name: str, pca: ProcessingStep) -> JsonGet:
    from sagemaker.core.workflow.functions import JsonGet

    return JsonGet(step_name=pca.name, property_file=METRICS, json_path=name)
