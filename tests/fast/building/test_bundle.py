from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sagepipe.deploy.bundle import HELPERS_ZIP, SCRIPTS, bundle
from sagepipe.errors import BundleError
from sagepipe.settings.facts import Settings

SETTINGS = Settings.local()

# The zip of the package below. It must never change: a new hash here would mean that every step
# runs again, and a different one per Python version would mean the same at each upgrade.
ZIP_SHA256 = "96d77350aced09f6e7e356687d7e38911b014d75058ac074662fb5113e00f77b"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return make_code(tmp_path / "code")


def make_code(folder: Path) -> Path:
    (folder / "ecglib" / "sub").mkdir(parents=True)
    for script in SCRIPTS:
        (folder / script).write_text(f"# {script}\n")
    (folder / "ecglib" / "zeta.py").write_text("VALUE = 42\n")
    (folder / "ecglib" / "__init__.py").write_text("")
    (folder / "ecglib" / "sub" / "__init__.py").write_text("# sub\n")
    return folder


def test_keys_are_the_hashes_of_the_bytes(code: Path) -> None:
    made = bundle(SETTINGS, code)
    assert [a.name for a in made.artifacts] == [*SCRIPTS, HELPERS_ZIP, "configuration.json"]
    for artifact in made.artifacts:
        assert artifact.sha256 == hashlib.sha256(artifact.data).hexdigest()
        assert artifact.key == f"ecg-pca/code/{artifact.sha256}/{artifact.name}"
        assert made.uri(artifact.name) == f"s3://local-artifacts/{artifact.key}"


def test_folder_time_mode_and_leftovers_change_nothing(code: Path, tmp_path: Path) -> None:
    other = make_code(tmp_path / "somewhere else" / "code")
    (other / "ecglib" / "__pycache__").mkdir()
    (other / "ecglib" / "__pycache__" / "zeta.cpython-311.pyc").write_bytes(b"x")
    (other / "ecglib" / ".zeta.py.swp").write_bytes(b"x")
    for path in other.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert bundle(SETTINGS, other) == bundle(SETTINGS, code)


def test_a_changed_script_gets_a_new_key_and_nothing_else_does(code: Path) -> None:
    before = bundle(SETTINGS, code)
    (code / "pca.py").write_text("# changed\n")
    after = bundle(SETTINGS, code)
    changed = [a.name for a, b in zip(before.artifacts, after.artifacts, strict=True) if a != b]
    assert changed == ["pca.py"]


def test_the_zip_is_sorted_stored_and_without_a_time(code: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(_zip(code)))
    names = archive.namelist()
    assert names == ["ecglib/__init__.py", "ecglib/sub/__init__.py", "ecglib/zeta.py"]
    for entry in archive.infolist():
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        assert entry.compress_type == zipfile.ZIP_STORED
        assert entry.external_attr >> 16 == 0o644


def test_the_zip_is_the_same_on_every_python(code: Path) -> None:
    assert hashlib.sha256(_zip(code)).hexdigest() == ZIP_SHA256


def test_python_imports_from_the_zip(code: Path, tmp_path: Path) -> None:
    (tmp_path / "lib.zip").write_bytes(_zip(code))
    run = subprocess.run(
        [sys.executable, "-c", "import ecglib.zeta, ecglib.sub; print(ecglib.zeta.VALUE)"],
        env={"PYTHONPATH": str(tmp_path / "lib.zip")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "42\n", run.stderr


def test_the_spark_configuration_is_what_the_image_reads(code: Path) -> None:
    data = bundle(SETTINGS, code).artifacts[-1].data
    (classification,) = json.loads(data)
    assert classification["Classification"] == "spark-defaults"
    # The image writes the properties into a file: strings only.
    assert all(isinstance(value, str) for value in classification["Properties"].values())


def test_prefix_and_bucket_are_the_settings(code: Path) -> None:
    settings = dataclasses.replace(SETTINGS, artifact_bucket="elsewhere", artifact_prefix="a/b")
    uri = bundle(settings, code).uri("pca.py")
    assert uri.startswith("s3://elsewhere/a/b/code/")


def test_the_longest_uri_fits_into_an_argument(code: Path) -> None:
    settings = dataclasses.replace(SETTINGS, artifact_bucket="b" * 63, artifact_prefix="p" * 80)
    made = bundle(settings, code)
    assert max(len(made.uri(artifact.name)) for artifact in made.artifacts) <= 256


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_missing_script_is_named(code: Path, script: str) -> None:
    (code / script).unlink()
    with pytest.raises(BundleError, match=rf"{script} is missing: .* restore it"):
        bundle(SETTINGS, code)


def test_an_empty_script_is_named(code: Path) -> None:
    (code / "pca.py").write_text("")
    with pytest.raises(BundleError, match=r"pca\.py is empty"):
        bundle(SETTINGS, code)


def test_a_script_that_is_a_folder_is_named(code: Path) -> None:
    (code / "pca.py").unlink()
    (code / "pca.py").mkdir()
    with pytest.raises(BundleError, match=r"pca\.py can't be read: Is a directory"):
        bundle(SETTINGS, code)


def test_missing_helpers_are_named(code: Path) -> None:
    for path in (code / "ecglib").rglob("*.py"):
        path.unlink()
    with pytest.raises(BundleError, match="ecglib is missing or has no Python files"):
        bundle(SETTINGS, code)


def test_an_artifact_that_does_not_exist_is_named(code: Path) -> None:
    with pytest.raises(BundleError, match=r"no artifact is called 'train\.py'; there are preproc"):
        bundle(SETTINGS, code).uri("train.py")


def _zip(code: Path) -> bytes:
    return next(a.data for a in bundle(SETTINGS, code).artifacts if a.name == HELPERS_ZIP)
