"""Commands that don't build a definition don't pay for what building needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

SCRIPT = """\
import sys
from pipelines import {module}
try:
    code = {module}.main({arguments!r})
except SystemExit as stop:
    code = stop.code
heavy = [name for name in {heavy!r} if name in sys.modules]
sys.exit(f"imports {{heavy}}" if heavy else code)
"""

SDK = ["sagemaker", "boto3", "pandas", "numpy", "pydantic", "rich", "pyarrow"]


@pytest.mark.parametrize(
    ("module", "arguments", "heavy"),
    [
        ("versions", ["--help"], [*SDK, "botocore"]),
        ("upsert", ["--help"], [*SDK, "botocore.session"]),
        # Goes as far as its first call to AWS.
        ("versions", ["list"], SDK),
    ],
)
def test_nothing_heavy_is_imported(module: str, arguments: list[str], heavy: list[str]) -> None:
    script = SCRIPT.format(module=module, arguments=arguments, heavy=heavy)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "imports" not in done.stderr, done.stderr
    if arguments == ["list"]:
        assert "there is no pipeline tables" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert "usage: sagepipe " in done.stdout
