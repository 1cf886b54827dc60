"""Starting the deployed pipeline on SageMaker.

The definition is not built here but read from the service: what is deployed is what will run, and
parameters and steps are checked against it before anything is started.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagepipe.aws import boto
from sagepipe.errors import AwsError, ExecutionError
from sagepipe.executions import remote
from sagepipe.executions.remote import Pipeline
from sagepipe.language import parameters, selection

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_DISPLAY_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}"


@dataclass(frozen=True)
class Start:
    """What is to be started; checked against the deployed definition by `request`.

    `only` names the steps of a selective execution, `from_step` the first of them instead; what
    they need from steps that aren't among them is taken from the execution `source` (an id or
    ARN; the latest that succeeded or failed, if None). `token` names this start: the same token
    with the same request starts nothing twice.
    """

    pipeline: str
    parameters: Mapping[str, str]
    version: int | None = None
    alias: str | None = None
    display_name: str | None = None
    only: tuple[str, ...] = ()
    from_step: str | None = None
    source: str | None = None
    max_parallel_steps: int | None = None
    token: str = ""


def start(sagemaker: SageMakerClient, wanted: Start) -> str:
    """Start an execution and return its ARN.

    boto3 repeats a call whose answer is lost with the same token; when it gives up, the error
    says how to repeat the command without starting a second execution.

    Raises `AwsError`, `ExecutionError`, `ParameterError`.
    """
    members = request(sagemaker, wanted)
    try:
        with boto.calls(f"start pipeline {wanted.pipeline}"):
            return str(sagemaker.start_pipeline_execution(**members)["PipelineExecutionArn"])
    except AwsError as error:
        if not boto.is_passing(error):
            raise
        raise AwsError(
            f"{error}; it may have started: repeat it with --token {wanted.token}, which starts "
            "nothing twice",
            error.code,
        ) from error


def request(sagemaker: SageMakerClient, wanted: Start) -> dict[str, Any]:
    """The request of StartPipelineExecution, checked against what is deployed."""
    pipeline = remote.pipeline(sagemaker, wanted.pipeline, wanted.version, wanted.alias)
    parameters.resolve(pipeline.definition.parameters, wanted.parameters)
    name = wanted.display_name
    if name is not None and not re.fullmatch(_DISPLAY_NAME, name):
        raise ExecutionError(
            f"--display-name {name!r}: it takes 1 to 82 letters, digits and hyphens "
            "and begins and ends with a letter or digit"
        )
    members: dict[str, Any] = {
        "PipelineName": pipeline.arn.rpartition("/")[2],
        "PipelineParameters": [
            {"Name": name, "Value": value} for name, value in sorted(wanted.parameters.items())
        ],
    }
    optional = {
        "PipelineVersionId": wanted.version,
        "PipelineVersionAlias": wanted.alias,
        "PipelineExecutionDisplayName": wanted.display_name,
    }
    members |= {name: value for name, value in optional.items() if value is not None}
    if wanted.max_parallel_steps is not None:
        members["ParallelismConfiguration"] = {
            "MaxParallelExecutionSteps": wanted.max_parallel_steps
        }
    if wanted.only or wanted.from_step:
        members["SelectiveExecutionConfig"] = _selection(sagemaker, pipeline, wanted)
    elif wanted.source:
        raise ExecutionError(
            "--source needs --only or --from-step: it stands in for the steps that don't run"
        )
    # The whole request is part of the token: another request under the same name is another start.
    text = json.dumps(members, sort_keys=True)
    return members | {"ClientRequestToken": remote.token("start", wanted.token, text)}


def _selection(sagemaker: SageMakerClient, pipeline: Pipeline, wanted: Start) -> dict[str, Any]:
    chosen = selection.select(pipeline.definition, wanted.only, wanted.from_step)
    members: dict[str, Any] = {"SelectedSteps": [{"StepName": name} for name in chosen.steps]}
    if chosen.needs:
        members["SourcePipelineExecutionArn"] = _source(sagemaker, wanted)
    return members


def _source(sagemaker: SageMakerClient, wanted: Start) -> str:
    """The execution whose outputs are taken; the service wants one that succeeded or failed."""
    if wanted.source is None:
        arn = remote.latest_of(sagemaker, wanted.pipeline, "Succeeded", "Failed")
        if arn is None:
            raise ExecutionError(
                "the selected steps need the outputs of others, and "
                f"{wanted.pipeline} has no execution yet that succeeded or failed; run all of it"
            )
        return arn
    arn = remote.find(sagemaker, wanted.pipeline, wanted.source)
    status = remote.read(sagemaker, arn).status
    if status not in ("Succeeded", "Failed"):
        raise ExecutionError(
            f"--source {wanted.source} is {status}; it must have succeeded or failed"
        )
    return arn
