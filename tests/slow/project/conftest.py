"""The definition is built once for all tests: importing the SDK takes seconds."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines import PROJECT
from sagepipe.building.build import Built
from sagepipe.settings.facts import Settings


@pytest.fixture(scope="session")
def built() -> Built:
    """ecg-pca as this checkout builds it with local settings."""
    return PROJECT["ecg-pca"].built(Settings.local("ecg-pca"))


@pytest.fixture
def text(built: Built) -> str:
    """The definition, as it is printed."""
    return built.definition


@pytest.fixture
def members(built: Built) -> dict[str, Any]:
    """The definition's JSON, a test's own copy."""
    return built.document
