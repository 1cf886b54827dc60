"""A definition without any SDK: a dict."""

from __future__ import annotations

from typing import Any

from sagepipe import Build
from steps import adding


def build(given: Build) -> dict[str, Any]:
    """One step."""
    return {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Factor", "Type": "Integer", "DefaultValue": 1}],
        "Steps": [adding.step(given.code.script("add.py"), given.settings.role_arn)],
    }
