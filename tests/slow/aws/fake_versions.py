"""Pipeline versions and aliases for moto, as the service's API model documents them.

- CreatePipeline makes version 1; UpdatePipeline makes the next one if the definition changes
  (the model: aliases may be given "only when the update changes the pipeline definition", and are
  assigned "to the new pipeline version that this update creates").
- An alias is unique within a pipeline; to move it, it is first removed from where it is.
- Requests are held against the model's patterns, lengths and enumerations, which moto ignores.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from moto.core.responses import ActionResult
from moto.sagemaker.exceptions import AWSValidationException, ResourceNotFound
from moto.sagemaker.responses import SageMakerResponse

MODEL = ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


@dataclass
class Version:
    number: int
    definition: str
    role_arn: str
    created: datetime
    name: str | None = None
    description: str | None = None
    aliases: list[str] = field(default_factory=list)
    last_execution: str | None = None


def install() -> None:
    """Teaches moto's SageMaker what it lacks. Harmless when done twice."""
    if getattr(SageMakerResponse, "knows_versions", False):
        return
    original = {
        name: getattr(SageMakerResponse, name)
        for name in ("call_action", "create_pipeline", "update_pipeline", "describe_pipeline",
                     "start_pipeline_execution")
    }  # fmt: skip

    def call_action(self: Any) -> Any:
        try:
            model = MODEL.operation_model(self._get_action())
            if model.input_shape is not None:
                _check(model.input_shape, dict(self.params), "")
        except AWSValidationException as error:
            return error.code, {"x-amzn-errortype": "ValidationException"}, error.get_body()
        return original["call_action"](self)

    def create_pipeline(self: Any) -> ActionResult:
        _parse(self._get_param("PipelineDefinition"))
        aliases = self._get_param("PipelineVersionAliases") or []
        _check_aliases([], aliases)
        result = original["create_pipeline"](self)
        pipeline = _pipeline(self)
        pipeline.versions = []
        _publish(pipeline, aliases)
        return result

    def update_pipeline(self: Any) -> ActionResult:
        pipeline = _pipeline(self)
        before = pipeline.pipeline_definition
        wanted = self._get_param("PipelineDefinition")
        aliases = self._get_param("PipelineVersionAliases") or []
        if wanted:
            _parse(wanted)
        changed = wanted is not None and wanted != before
        if aliases and not changed:
            _refuse("You can specify aliases only when the update changes the pipeline definition")
        _check_aliases(pipeline.versions, aliases)
        result = original["update_pipeline"](self)
        pipeline.last_modified_time = datetime.now(UTC)
        if changed:
            _publish(pipeline, aliases)
        arn = result.result["PipelineArn"]
        return ActionResult({"PipelineArn": arn, "PipelineVersionId": pipeline.versions[-1].number})

    def describe_pipeline(self: Any) -> ActionResult:
        version = _chosen(self)
        result = original["describe_pipeline"](self).result
        result = dict(result, PipelineDefinition=version.definition)
        if version.name:
            result["PipelineVersionDisplayName"] = version.name
        if version.description:
            result["PipelineVersionDescription"] = version.description
        if version.aliases:
            result["PipelineVersionAliases"] = list(version.aliases)
        return ActionResult(result)

    def start_pipeline_execution(self: Any) -> ActionResult:
        version = _chosen(self)
        result = original["start_pipeline_execution"](self)
        version.last_execution = result.result["PipelineExecutionArn"]
        execution = _pipeline(self).pipeline_executions[version.last_execution]
        execution.pipeline_definition_for_execution = version.definition
        return result  # type: ignore[no-any-return]

    def list_pipeline_versions(self: Any) -> ActionResult:
        versions = list(_pipeline(self).versions)
        if self._get_param("SortOrder") != "Ascending":
            versions.reverse()
        first = int(self._get_param("NextToken") or 0)
        last = first + int(self._get_param("MaxResults") or 100)
        answer: dict[str, Any] = {
            "PipelineVersionSummaries": [_summary(self, one) for one in versions[first:last]]
        }
        if last < len(versions):
            answer["NextToken"] = str(last)
        return ActionResult(answer)

    def update_pipeline_version(self: Any) -> ActionResult:
        pipeline = _pipeline(self)
        version = _numbered(pipeline, self._get_param("PipelineVersionId"))
        operations = self._get_param("PipelineVersionAliasOperations") or {}
        remove, add = operations.get("Remove") or [], operations.get("Add") or []
        for alias in remove:
            if alias not in version.aliases:
                _refuse(f"Alias {alias} is not assigned to version {version.number}")
        others = [one for one in pipeline.versions if one is not version]
        _check_aliases(others, add)
        version.aliases = [one for one in version.aliases if one not in remove] + list(add)
        version.name = self._get_param("PipelineVersionDisplayName") or version.name
        version.description = self._get_param("PipelineVersionDescription") or version.description
        return ActionResult({"PipelineArn": pipeline.arn, "PipelineVersionId": version.number})

    def add_tags(self: Any) -> ActionResult:
        arn = self._get_param("ResourceArn")
        given = self._get_param("Tags")
        backend = self.sagemaker_backend
        backend.delete_tags(arn, [tag["Key"] for tag in given])
        return ActionResult({"Tags": backend.add_tags(arn, given)})

    for method in (call_action, create_pipeline, update_pipeline, describe_pipeline,
                   start_pipeline_execution, list_pipeline_versions, update_pipeline_version,
                   add_tags):  # fmt: skip
        setattr(SageMakerResponse, method.__name__, method)
    SageMakerResponse.knows_versions = True  # type: ignore[attr-defined]


def _pipeline(response: Any) -> Any:
    name = response._get_param("PipelineName") or response._get_param("PipelineArn")
    name = name.rpartition("/")[2]
    pipelines = response.sagemaker_backend.pipelines
    if name not in pipelines:
        raise ResourceNotFound(message=f"Pipeline '{name}' does not exist.")
    return pipelines[name]


def _chosen(response: Any) -> Version:
    pipeline = _pipeline(response)
    number = response._get_param("PipelineVersionId")
    alias = response._get_param("PipelineVersionAlias")
    if number and alias:
        _refuse("You can't specify PipelineVersionId with PipelineVersionAlias")
    if alias:
        for version in pipeline.versions:
            if alias in version.aliases:
                return version  # type: ignore[no-any-return]
        raise ResourceNotFound(message=f"No version has the alias {alias}.")
    return _numbered(pipeline, number) if number else pipeline.versions[-1]  # type: ignore[no-any-return]


def _numbered(pipeline: Any, number: Any) -> Version:
    for version in pipeline.versions:
        if version.number == int(number):
            return version  # type: ignore[no-any-return]
    raise ResourceNotFound(message=f"Pipeline version {number} does not exist.")


def _publish(pipeline: Any, aliases: list[str]) -> None:
    pipeline.versions.append(
        Version(
            len(pipeline.versions) + 1,
            pipeline.pipeline_definition,
            pipeline.role_arn,
            datetime.now(UTC),
            aliases=list(aliases),
        )
    )


def _summary(response: Any, version: Version) -> dict[str, Any]:
    optional = {
        "PipelineVersionDisplayName": version.name,
        "PipelineVersionDescription": version.description,
        "PipelineVersionAliases": list(version.aliases),
        "LastExecutionPipelineExecutionArn": version.last_execution,
    }
    return {
        "PipelineArn": _pipeline(response).arn,
        "PipelineVersionId": version.number,
        "CreationTime": version.created,
    } | {name: value for name, value in optional.items() if value}


def _check_aliases(versions: list[Version], aliases: list[str]) -> None:
    for alias in aliases:
        if alias.isdigit():
            _refuse(f"Alias {alias} can't consist of numbers only")
        for version in versions:
            if alias in version.aliases:
                _refuse(f"Alias {alias} is already assigned to version {version.number}")


def _parse(definition: str | None) -> None:
    import json

    try:
        parsed = json.loads(definition or "")
    except ValueError:
        _refuse("Unable to parse pipeline definition. Expecting start of Json Object/Array")
    if not isinstance(parsed, dict) or not parsed.get("Steps"):
        _refuse("Unable to parse pipeline definition. A pipeline needs steps")


def _refuse(message: str) -> None:
    raise AWSValidationException(message)


def _check(shape: Shape, value: Any, where: str) -> None:
    """The model's limits, which botocore itself leaves to the service."""
    limits = shape.metadata
    if isinstance(shape, StructureShape):
        for name in value:
            if name in shape.members and value[name] is not None:
                _check(shape.members[name], value[name], f"{where}.{name}".lstrip("."))
        return
    if isinstance(shape, ListShape):
        size = len(value)
        for index, one in enumerate(value):
            _check(shape.member, one, f"{where}[{index}]")
    elif isinstance(shape, MapShape):
        size = len(value)
        for key, one in value.items():
            _check(shape.value, one, f"{where}.{key}")
    elif isinstance(shape, StringShape):
        size = len(value)
        enum = limits.get("enum")
        if enum and value not in enum:
            _refuse(f"Value '{value}' at '{where}' must satisfy enum value set: {enum}")
        pattern = limits.get("pattern", "").replace(r"\p{L}\p{Z}\p{N}", r"\w ")
        if pattern and not re.fullmatch(pattern, value, re.DOTALL):
            _refuse(f"Value '{value[:80]}' at '{where}' must satisfy pattern: {pattern}")
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        return
    if size < limits.get("min", size) or size > limits.get("max", size):
        _refuse(f"Value at '{where}' ({size}) must be within {limits}")
