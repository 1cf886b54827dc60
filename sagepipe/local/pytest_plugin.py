"""A pytest fixture for testing pipelines: `run_pipeline`.

Loaded by `pytest_plugins = ["sagepipe.local.pytest_plugin"]` in a conftest.py, or by itself where
this project is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagepipe.local import api


@pytest.fixture
def run_pipeline(tmp_path: Path) -> Callable[..., api.Result]:
    """`sagepipe.local.run` with a store of the test's own; the calls of a test share it."""

    def run(definition: api.Definition, **options: Any) -> api.Result:
        options.setdefault("store", tmp_path / "store")
        return api.run(definition, **options)

    return run
