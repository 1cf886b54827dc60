"""The definition is built once for all tests: importing the SDK takes seconds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.ecg_pca import definition
from sagepipe.settings.facts import Settings


@pytest.fixture(scope="session")
def text() -> str:
    """The definition of this checkout with local settings, as it is printed."""
    return definition(Settings.local())


@pytest.fixture
def members(text: str) -> dict[str, Any]:
    """The definition's JSON, a test's own copy."""
    parsed: dict[str, Any] = json.loads(text)
    return parsed
