"""Check, run, deploy, schedule, start and watch Amazon SageMaker pipelines.

from sagepipe import run

result = run("pipeline.json", Rows=100, buckets={"my-bucket": "fixtures:ro"})
assert result.succeeded, result.reason
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagepipe.building.build import Build
    from sagepipe.building.parameters import ARTIFACT_BUCKET, Parameter
    from sagepipe.local.api import resume, run
    from sagepipe.local.result import Result, Step
    from sagepipe.local.source import InputFolder
    from sagepipe.project import Pipeline, Project

__version__ = "0.1.0"

__all__ = [
    "ARTIFACT_BUCKET",
    "Build",
    "InputFolder",
    "Parameter",
    "Pipeline",
    "Project",
    "Result",
    "Step",
    "__version__",
    "resume",
    "run",
]

_HOMES = {
    "sagepipe.building.build": ("Build",),
    "sagepipe.building.parameters": ("ARTIFACT_BUCKET", "Parameter"),
    "sagepipe.local.api": ("resume", "run"),
    "sagepipe.local.result": ("Result", "Step"),
    "sagepipe.local.source": ("InputFolder",),
    "sagepipe.project": ("Pipeline", "Project"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    # A command should import what it needs, and not all that there is.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
