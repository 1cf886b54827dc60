"""Commands that don't build a definition don't pay for what building needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sagepipe.cli import verbs

ROOT = Path(__file__).parents[3]

SCRIPT = """\
import sys
from pipelines import PROJECT
from sagepipe.cli.frame import run_verb
try:
    code = run_verb({verb!r}, {arguments!r}, prefix="sagepipe", project=PROJECT)
except SystemExit as stop:
    code = stop.code
heavy = [name for name in {heavy!r} if name in sys.modules]
sys.exit(f"imports {{heavy}}" if heavy else code)
"""

SDK = ["sagemaker", "boto3", "pandas", "numpy", "pydantic", "rich", "pyarrow"]


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_help_imports_nothing_heavy(verb: str) -> None:
    # rich costs a fiftieth of a second, and the verbs with a live display have it at hand
    done = called(verb, ["--help"], [*(one for one in SDK if one != "rich"), "botocore"])
    assert done.returncode == 0, done.stderr
    assert f"usage: sagepipe {verb}" in done.stdout


def test_what_builds_nothing_does_without_the_sdk() -> None:
    """It goes as far as its first call to AWS."""
    done = called("versions", ["list"], SDK)
    assert "there is no pipeline ecg-pca" in done.stderr, done.stderr


def called(verb: str, arguments: list[str], heavy: list[str]) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.format(verb=verb, arguments=arguments, heavy=heavy)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "imports [" not in done.stderr, done.stderr
    return done
