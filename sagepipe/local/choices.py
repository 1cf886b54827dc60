"""What the user chooses for one execution, beside the definition and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sagepipe.language.step import Step
from sagepipe.local.retry import Fault

MAX_PARALLEL_STEPS = 50  # the service's default

# Which results of earlier executions may be taken: those whose inputs have the same contents, those
# whose inputs have the same URIs (as the service does), or none.
CacheMode = Literal["contents", "service", "off"]


@dataclass(frozen=True)
class ChosenSteps:
    """Which steps run; for the record, since it holds for the execution as long as it lives."""

    skip: tuple[str, ...] = ()
    stubs: Mapping[str, Path] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    from_step: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Choices:
    """Which steps run, and how.

    Attributes:
        skip: steps that are left out; what depends on them goes on.
        stubs: steps that a folder stands in for.
        only: the steps of a selective execution; empty for all.
        from_step: run this step and all that come after it.
        source: the execution that what isn't selected is taken from; None for the latest.
        cache: how results of earlier executions are taken; see `CacheMode`.
        cached: steps that are cached here, although the definition doesn't let the service.
        wait: wait between tries as retry policies say.
        max_parallel_steps: at most this many steps at the same time.
        logs: the steps whose output is told line by line.
        faults: failures that the user wants to see.
    """

    skip: tuple[str, ...] = ()
    stubs: Mapping[str, Path] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    from_step: str | None = None
    source: str | None = None
    cache: CacheMode = "contents"
    cached: frozenset[str] = frozenset()
    wait: bool = True
    max_parallel_steps: int = MAX_PARALLEL_STEPS
    logs: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()

    def caches(self, step: Step) -> bool:
        """Whether the step cache is used for a step."""
        if self.cache == "off":
            return False
        return step.cache.enabled or (self.cache == "contents" and step.name in self.cached)

    @property
    def selection(self) -> ChosenSteps:
        """What of it decides which steps run."""
        return ChosenSteps(
            skip=self.skip,
            stubs={name: folder.resolve() for name, folder in self.stubs.items()},
            only=self.only,
            from_step=self.from_step,
            source=self.source,
        )
