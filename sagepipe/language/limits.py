"""What CreateProcessingJob refuses in a request whose expressions have been evaluated.

A definition can be checked before it is deployed only as far as its values are known. Values that
come from parameters or from other steps are checked by the service when the job is made, and here
at the same moment. The limits are those of the API's model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sagepipe.errors import LocalError

Json = Any

MAX_STRINGS, MAX_STRING = 100, 256  # of ContainerEntrypoint, ContainerArguments
MAX_VARIABLES, MAX_VARIABLE = 100, 256
MAX_CHANNELS = 10
MAX_INSTANCES = 100
RUNTIME = (1, 777_600)  # seconds; nine days
_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def check(request: Mapping[str, Json]) -> None:
    """Raises LocalError with everything that the service would refuse."""
    if problems := list(_problems(request)):
        raise LocalError(f"ClientError: the service refuses this job: {'; '.join(problems)}")


def _problems(request: Mapping[str, Json]) -> Iterator[str]:
    specification = request["AppSpecification"]
    for name in ("ContainerEntrypoint", "ContainerArguments"):
        yield from _strings(name, specification.get(name))
    yield from _environment(request.get("Environment", {}))
    channels = {
        "ProcessingInputs": request.get("ProcessingInputs", []),
        "Outputs": request.get("ProcessingOutputConfig", {}).get("Outputs", []),
    }
    for name, items in channels.items():
        if len(items) > MAX_CHANNELS:
            yield f"{name} has {len(items)} entries, at most {MAX_CHANNELS} are taken"
    cluster = request["ProcessingResources"]["ClusterConfig"]
    yield from _integer("InstanceCount", cluster.get("InstanceCount"), 1, MAX_INSTANCES)
    yield from _integer("VolumeSizeInGB", cluster.get("VolumeSizeInGB"), 1, 16_384)
    if "StoppingCondition" in request:
        limit = request["StoppingCondition"].get("MaxRuntimeInSeconds")
        yield from _integer("MaxRuntimeInSeconds", limit, *RUNTIME)


def _strings(name: str, values: Json) -> Iterator[str]:
    if values is None:
        return
    if not 1 <= len(values) <= MAX_STRINGS:
        yield f"{name} has {len(values)} entries, 1 to {MAX_STRINGS} are taken"
    for index, value in enumerate(values):
        if not isinstance(value, str):
            yield (
                f"{name}[{index}] is {value!r}, and only strings are taken; make it one, for a "
                "parameter with its to_string()"
            )
        elif len(value) > MAX_STRING:
            yield f"{name}[{index}] has {len(value)} characters, at most {MAX_STRING} are taken"


def _environment(variables: Mapping[str, Json]) -> Iterator[str]:
    if len(variables) > MAX_VARIABLES:
        yield f"Environment has {len(variables)} entries, at most {MAX_VARIABLES} are taken"
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(name) or len(name) > MAX_VARIABLE:
            yield f"Environment: {name!r} is no name of a variable"
        if not isinstance(value, str):
            yield f"Environment[{name}] is {value!r}, and only strings are taken"
        elif len(value) > MAX_VARIABLE:
            yield (
                f"Environment[{name}] has {len(value)} characters, at most {MAX_VARIABLE} are taken"
            )


def _integer(name: str, value: Json, least: int, most: int) -> Iterator[str]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield f"{name} is {value!r}, and only whole numbers are taken"
    elif not least <= value <= most:
        yield f"{name} is {value}, {least} to {most} are taken"
