"""A fixture for tests of pipelines: `run_pipeline`.

    def test_my_pipeline(run_pipeline):
        result = run_pipeline("pipeline.json", Rows=100)
        assert result.succeeded, result.reason

Put `pytest_plugins = ["sagepipe.pytest_plugin"]` into your topmost conftest.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagepipe.local import api
from sagepipe.local.result import Result
from sagepipe.local.source import Runnable


@pytest.fixture
def run_pipeline(tmp_path: Path) -> Callable[..., Result]:
    """`sagepipe.run` with a store of the test's own; the calls of a test share it."""

    def run(what: Runnable, **options: Any) -> Result:
        options.setdefault("store", tmp_path / "store")
        return api.run(what, **options)

    return run
