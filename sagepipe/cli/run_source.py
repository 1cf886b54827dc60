"""Where a definition that isn't this project's own comes from: a file, or what is deployed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from sagepipe.errors import DefinitionError, ExecutionError, SettingsError
from sagepipe.language.s3 import Location
from sagepipe.local.store import Store

Json = Any


@dataclass(frozen=True)
class Source:
    """A definition and what goes with it; `max_parallel_steps` is None where nothing says it."""

    document: Mapping[str, Json]
    name: str
    region: str | None = None
    max_parallel_steps: int | None = None


def from_file(path: Path) -> Source:
    """Read a definition, or an answer of DescribePipeline, from a JSON file.

    The pipeline's name is the answer's, or the file's without its ending. Raises SettingsError.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and isinstance(document.get("PipelineDefinition"), str):
            return _described(document, None)
    except OSError as error:
        raise SettingsError(f"--definition {path}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"--definition {path} is not JSON: {error}") from error
    if not isinstance(document, dict) or "Steps" not in document:
        raise SettingsError(
            f"--definition {path} is no pipeline definition: it is an object with Steps"
        )
    name = re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-") or "pipeline"
    return Source(document, name)


def deployed(name: str) -> Source:
    """The latest version of a deployed pipeline. Raises AwsError, SettingsError, ExecutionError."""
    import argparse

    from sagepipe.aws import boto
    from sagepipe.deploy import deployed as there
    from sagepipe.settings import configuration

    region = configuration.target(argparse.Namespace()).region
    answer = there.describe(boto.client("sagemaker", region), name)
    if answer is None:
        raise ExecutionError(
            f"there is no pipeline {name!r} in {region}; check the name and AWS_REGION"
        )
    return _described(answer, region)


def check(source: Source, *, refuse: bool, console: Console) -> None:
    """Say what the service would refuse; raises DefinitionError with it if `refuse`."""
    from sagepipe.language import validate

    problems = validate.validate(source.document)
    if problems and refuse:
        raise DefinitionError(problems)
    for problem in problems:
        console.print(f"the service would refuse this: {problem}", soft_wrap=True)


def fetch_scripts(source: Source, store: Store, console: Console) -> None:
    """Bring the scripts of a deployed pipeline, which are named by their content, into the store.

    Other objects are not fetched: `--bucket` says where they are. Raises AwsError.
    """
    from sagepipe.aws import boto
    from sagepipe.deploy import deployed as there

    for script in there.scripts(source.document):
        location = Location(script.bucket, script.key)
        if store.path(location).is_file():
            continue
        assert source.region is not None
        console.print(f"fetching {script.uri} …", soft_wrap=True)
        with boto.calls(f"read {script.uri}"):
            answer = boto.client("s3", source.region).get_object(
                Bucket=script.bucket, Key=script.key
            )
            store.put(location, answer["Body"].read())


def _described(answer: Mapping[str, Json], region: str | None) -> Source:
    parallelism = answer.get("ParallelismConfiguration") or {}
    return Source(
        document=json.loads(answer["PipelineDefinition"]),
        name=answer.get("PipelineName", "pipeline"),
        region=region,
        max_parallel_steps=parallelism.get("MaxParallelExecutionSteps"),
    )
