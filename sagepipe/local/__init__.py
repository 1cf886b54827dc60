"""The local engine: executes a pipeline definition without Docker or AWS.

`run` and `resume` are for use from Python, for instance in tests (see `api`); the command line is
`sagepipe run`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagepipe.local.api import Result, Step, resume, run

__all__ = ["Result", "Step", "resume", "run"]


def __getattr__(name: str) -> Any:
    # Importing one of the engine's modules, as other commands do, shouldn't import all of them.
    if name in __all__:
        from sagepipe.local import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
