"""What a script installs is its own, as in a container."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from sagepipe.local.events import Status

Json = Any
Make = Callable[..., Json]


def wheel(folder: Path, name: str, release: str) -> Path:
    """A wheel whose module says its release."""
    path = folder / f"{name}-{release}-py3-none-any.whl"
    info = f"{name}-{release}.dist-info"
    files = {
        f"{name}.py": f"RELEASE = {release!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)
    return path


@pytest.fixture
def pip() -> None:
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        pytest.skip("this environment has no pip")


@pytest.mark.usefixtures("pip")
def test_an_installed_package_is_the_instances_own(
    lab: Any, make_input: Make, tmp_path: Path
) -> None:
    lab.put("s3://wheels/keep")
    for name, release in (("made_up_for_this_test", "1.0"), ("packaging", "0.1")):
        made = wheel(tmp_path, name, release)
        (lab.store.root / "wheels" / made.name).write_bytes(made.read_bytes())
    script = """
        import os, subprocess, sys
        wheels = os.environ["ML"] + "/processing/wheels"
        pip = ["pip", "install", "--no-index", "--find-links", wheels, "--quiet"]
        # satisfied by what is outside; new; another release than outside
        for wanted in ("pytest", "made_up_for_this_test", "packaging==0.1"):
            subprocess.run([*pip, "--no-deps", wanted], check=True)
        subprocess.run(["pip", "uninstall", "--yes", "--quiet", "iniconfig"], check=True)
        code = ("import made_up_for_this_test, packaging, iniconfig, sys; "
                "print(made_up_for_this_test.RELEASE, packaging.RELEASE)")
        subprocess.run(["python3", "-c", code], check=True)
    """
    step = lab.step(
        "Install",
        script,
        inputs=[make_input("wheels", "s3://wheels/", "/opt/ml/processing/wheels")],
        environment={"ML": "/opt/ml"},
    )
    before = version("packaging")
    result = lab.run(step)
    assert result.status is Status.SUCCEEDED, result.steps["Install"].log_tail
    said = (result.folder / "Install" / "algo-1.log").read_text().splitlines()
    assert said[-1] == "1.0 0.1"
    check = "import importlib.metadata as m; print(m.version('packaging'), m.version('iniconfig'))"
    outside = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert outside.stdout.split()[0] == before
    assert outside.returncode == 0
    with pytest.raises(ModuleNotFoundError):
        __import__("made_up_for_this_test")


def test_this_environments_packages_are_there(lab: Any) -> None:
    result = lab.run(lab.step("Import", "import numpy, pyarrow, sklearn; print(numpy.__version__)"))
    assert result.status is Status.SUCCEEDED, result.steps["Import"].log_tail
    assert (result.folder / "Import" / "algo-1.log").read_text().strip() == version("numpy")
