"""`--stub STEP=DIR`: a folder of the user's stands in for a step that isn't run.

- A Processing step: `DIR/<OutputName>/` holds what the output would hold; it is copied to the
  output's S3 URI, and the step's properties are those of a job that made it.
- A Training step: `DIR/model.tar.gz` becomes `ModelArtifacts.S3ModelArtifacts`, below the step's
  own OutputDataConfig.
- Any step: `DIR/properties.json` has properties for other steps to refer to, in the form of the
  service's Describe answer. They win over the ones above.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagepipe.errors import LocalError
from sagepipe.language.request.evaluated import managed
from sagepipe.language.s3 import Location
from sagepipe.language.step import Step
from sagepipe.local.names import as_file
from sagepipe.local.store import Store

Json = Any

PROPERTIES, MODEL = "properties.json", "model.tar.gz"


def check(step: Step, folder: Path) -> None:
    """Raises LocalError if the folder can't stand in for the step; before anything starts."""
    where = f"--stub {step.name}={folder}"
    if not folder.is_dir():
        raise LocalError(f"{where}: that is not a folder")
    if step.type == "Condition":
        raise LocalError(f"{where}: a Condition step is always evaluated; change a parameter")
    _properties(folder)
    if step.type == "Processing":
        for output in _managed(step.arguments):
            if not (folder / as_file("output", output["OutputName"])).is_dir():
                raise LocalError(
                    f"{where}: it has no folder {output['OutputName']!r} for the output of that "
                    "name; make one, which may be empty"
                )


def apply(
    step: Step, request: Mapping[str, Json], folder: Path, store: Store, job_name: str
) -> tuple[dict[str, str], dict[str, Json]]:
    """Put the folder's files into the store; the output URIs and the properties.

    `request` has the step's arguments, evaluated. Raises LocalError.
    """
    properties: dict[str, Json] = dict(request)
    outputs: dict[str, str] = {}
    if step.type == "Processing":
        for item in _managed(request):
            uri = item["S3Output"]["S3Uri"]
            outputs[item["OutputName"]] = uri
            _copy(folder / as_file("output", item["OutputName"]), uri, store)
        properties |= {"ProcessingJobName": job_name, "ProcessingJobStatus": "Completed"}
    elif step.type == "Training" and (folder / MODEL).is_file():
        base = request.get("OutputDataConfig", {}).get("S3OutputPath", "s3://stubs")
        uri = f"{base.rstrip('/')}/{job_name}/output/{MODEL}"
        store.copy_in(folder / MODEL, Location.parse(uri))
        properties |= {
            "TrainingJobName": job_name,
            "TrainingJobStatus": "Completed",
            "ModelArtifacts": {"S3ModelArtifacts": uri},
        }
    return outputs, properties | _properties(folder)


def _managed(request: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    declared = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return managed(declared)


def _copy(folder: Path, uri: str, store: Store) -> None:
    prefix = Location.parse(uri)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        key = f"{prefix.key.rstrip('/')}/{path.relative_to(folder).as_posix()}".lstrip("/")
        store.copy_in(path, Location(prefix.bucket, key))


def _properties(folder: Path) -> dict[str, Json]:
    path = folder / PROPERTIES
    if not path.is_file():
        return {}
    try:
        properties = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LocalError(f"{path} is not JSON: {error}") from error
    if not isinstance(properties, dict):
        raise LocalError(f"{path} holds no JSON object")
    return properties
