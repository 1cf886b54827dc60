"""Check, run, deploy, schedule, start and watch Amazon SageMaker pipelines.

from sagepipe import run

result = run("pipeline.json", parameters={"Rows": 100}, buckets={"my-bucket": "fixtures"})
assert result.succeeded, result.reason
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagepipe.building.build import Build
    from sagepipe.building.parameters import ARTIFACT_BUCKET, Parameter
    from sagepipe.local.api import Result, Step, resume, run
    from sagepipe.project import Pipeline, Project

__version__ = "0.1.0"

__all__ = [
    "ARTIFACT_BUCKET",
    "Build",
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
    "sagepipe.local.api": ("Result", "Step", "resume", "run"),
    "sagepipe.project": ("Pipeline", "Project"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    # A command should import what it needs, and not all that there is.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
