"""Where and how the jobs of an execution run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sagepipe.local.launch.images import Image
from sagepipe.local.store import Store

Isolation = Literal["namespaces", "paths"]
Collision = Literal["fail", "last"]

GRACE_SECONDS = 10.0  # between the stop signal of a time limit and the kill


@dataclass(frozen=True)
class Runtime:
    """Where and how jobs run.

    Attributes:
        isolation: each instance gets namespaces of its own, or paths are rewritten.
        cache: a folder that outlives executions, for what is compiled or generated once.
        at_once: at most this many instances of a job at the same time; None for all of them.
        cores: what Spark may use.
        images: what stands in for container images.
        environment: variables for every instance, beside those of its job, which win.
        grace: seconds between the stop signal of a time limit and the kill.
        on_collision: of files that several instances write to one key the last is kept, as on the
            service, or the job fails.
    """

    store: Store
    isolation: Isolation
    cache: Path
    at_once: int | None = None
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    images: tuple[Image, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    grace: float = GRACE_SECONDS
    on_collision: Collision = "fail"
