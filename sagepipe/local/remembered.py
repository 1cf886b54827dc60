"""How an execution runs, remembered for `--resume`: what isn't in its definition or its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagepipe.errors import LocalError
from sagepipe.local import record, shape
from sagepipe.local.choices import MAX_PARALLEL_STEPS, CacheMode, Choices
from sagepipe.local.launch.images import Image
from sagepipe.local.runtime import Collision, Isolation, Runtime
from sagepipe.local.store import Store

Json = Any


@dataclass(frozen=True)
class Remembered:
    """The options of an execution that hold until it ends, unless others are given.

    `environment` may hold secrets; the file is its owner's alone. `definition` is the file that
    the definition was read from, None if it came from elsewhere.
    """

    isolation: Isolation | None = None
    at_once: int | None = None
    on_collision: Collision = "fail"
    images: tuple[Image, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    max_parallel_steps: int = MAX_PARALLEL_STEPS
    cache: CacheMode = "contents"
    cached: tuple[str, ...] = ()
    definition: Path | None = None


def remember(
    folder: Path,
    runtime: Runtime,
    choices: Choices,
    definition: Path | None,
) -> None:
    """Write down how the execution in `folder` runs. Raises LocalError."""
    kept = Remembered(
        isolation=runtime.isolation,
        at_once=runtime.at_once,
        on_collision=runtime.on_collision,
        images=runtime.images,
        environment=runtime.environment,
        max_parallel_steps=choices.max_parallel_steps,
        cache=choices.cache,
        cached=tuple(sorted(choices.cached)),
        definition=definition,
    )
    record.write_runtime(folder, shape.write(kept))


def recall(store: Store, execution_id: str) -> tuple[Remembered, str]:
    """How an execution ran, and, where that can't be told, a sentence that says so."""
    try:
        return shape.read(Remembered, record.read_runtime(store, execution_id)), ""
    except (LocalError, ValueError) as error:
        return Remembered(), f"how execution {execution_id} ran is not known any more: {error}"
