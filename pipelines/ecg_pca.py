"""The pipeline: Preprocess, Pca, a quality gate, SparkTransform.

    raw ──▶ Preprocess ──▶ Pca ──▶ QualityGate ──▶ SparkTransform
                                        └────────▶ QualityGateFailed

Building makes no network call and needs no account; the definition depends on the settings and
on the bytes in code/ alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipelines.parameters import Parameter, declare
from sagepipe.building import sdk
from sagepipe.deploy.bundle import Bundle, bundle
from sagepipe.settings.facts import Settings

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import Pipeline

# Not part of a definition: it goes into CreatePipeline and UpdatePipeline beside it.
PARALLELISM = {"MaxParallelExecutionSteps": 4}


def build(settings: Settings, artifacts: Bundle | None = None) -> Pipeline:
    """The pipeline as the SDK's object, for `settings` and, unless given, code/ as it is now."""
    with sdk.offline(settings.region):
        from sagemaker.mlops.workflow.pipeline import Pipeline

        from steps import gate, pca, preprocess, spark_transform
        from steps.common import Kit

        parameters = {p.name: _parameter(p) for p in declare(settings.artifact_bucket)}
        session = sdk.session(settings)
        kit = Kit(settings, artifacts or bundle(settings), session, parameters)

        parts = preprocess.build(kit)
        components = pca.build(kit, parts)
        features = spark_transform.build(kit, components)
        return Pipeline(
            name=settings.pipeline_name,
            parameters=list(parameters.values()),
            steps=[parts, components, gate.build(kit, components, then=[features])],
            pipeline_experiment_config=None,  # the default makes an experiment for each execution
            sagemaker_session=session,
        )


def definition(settings: Settings, artifacts: Bundle | None = None) -> str:
    """The definition as canonical JSON: the same settings and code give the same bytes."""
    pipeline = build(settings, artifacts)
    with sdk.offline(settings.region):
        members: dict[str, Any] = json.loads(pipeline.definition())
    members = {name: value for name, value in members.items() if value is not None}
    return json.dumps(members, sort_keys=True, separators=(",", ":"))


def _parameter(parameter: Parameter) -> Any:
    from sagemaker.core.workflow import parameters as sdk_parameters

    if parameter.type == "String":
        return sdk_parameters.ParameterString(
            parameter.name, parameter.default, enum_values=list(parameter.choices) or None
        )
    kinds = {
        "Integer": sdk_parameters.ParameterInteger,
        "Float": sdk_parameters.ParameterFloat,
        "Boolean": sdk_parameters.ParameterBoolean,
    }
    return kinds[parameter.type](parameter.name, default_value=parameter.default)
