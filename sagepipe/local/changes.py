"""What has changed since an execution began, for whoever resumes it: it runs what it began with."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from sagepipe.errors import LocalError
from sagepipe.language.definition import Definition
from sagepipe.language.s3 import Location
from sagepipe.language.step import Step
from sagepipe.local.events import Status
from sagepipe.local.record import ExecutionResult
from sagepipe.local.store import Store

Json = Any

_RESOLUTION = 0.001  # seconds, of the time that an execution was started at


def of_definition(recorded: Mapping[str, Json], present: Mapping[str, Json]) -> str:
    """What is different in the definition that a new run would have, in a sentence; "" if nothing
    is. Scripts that are named by their content are part of it."""
    parameters = _different(_by_name(recorded, "Parameters"), _by_name(present, "Parameters"))
    steps = _different(_by_name(recorded, "Steps"), _by_name(present, "Steps"))
    if not parameters and not steps:
        return "" if recorded == present else _sentence("the pipeline's own settings")
    parts = [f"step {', '.join(steps)}"] if steps else []
    parts += [f"parameter {', '.join(parameters)}"] if parameters else []
    return _sentence(" and ".join(parts))


def of_scripts(found: ExecutionResult, definition: Definition, store: Store) -> list[str]:
    """Which scripts of the steps that are still to run were written since the execution began, in
    sentences: those whose key doesn't name their content are used as they are now."""
    try:
        began = datetime.datetime.fromisoformat(found.started).timestamp() + _RESOLUTION
    except ValueError:
        return []
    changed: dict[str, None] = {}
    for name, step in definition.steps.items():
        if name in found.steps and found.steps[name].status is Status.SUCCEEDED:
            continue
        for uri in _scripts(step):
            try:
                objects = store.list(Location.parse(uri))
                newer = any(item.path.stat().st_mtime > began for item in objects)
            except (LocalError, OSError):
                continue  # the step itself will say what is wrong with it
            if newer:
                changed[uri] = None
    return [f"{uri} has changed since the execution began; it is used as it is now"
            for uri in changed]  # fmt: skip


def _scripts(step: Step) -> Iterator[str]:
    """The URIs of the inputs that the step's entrypoint lies in."""
    if step.type != "Processing":
        return
    entrypoint = step.arguments.get("AppSpecification", {}).get("ContainerEntrypoint", [])
    words = [word for word in entrypoint if isinstance(word, str)]
    for item in step.arguments.get("ProcessingInputs", []):
        source = item.get("S3Input") or {}
        uri, folder = source.get("S3Uri"), source.get("LocalPath")
        if (
            isinstance(uri, str)
            and isinstance(folder, str)
            and any(word.startswith(f"{folder.rstrip('/')}/") for word in words)
        ):
            yield uri


def _by_name(document: Mapping[str, Json], member: str) -> dict[str, Json]:
    items = document.get(member)
    return {
        str(item.get("Name")): item
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, Mapping)
    }


def _different(before: Mapping[str, Json], now: Mapping[str, Json]) -> list[str]:
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def _sentence(what: str) -> str:
    return (
        f"{what} changed since this execution began: it goes on with the definition and the "
        "scripts that it began with; run it anew to use the present ones"
    )
