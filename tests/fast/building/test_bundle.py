from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import zipfile
import zipimport
from pathlib import Path

import pytest

from sagepipe.building.bundle import Bundle
from sagepipe.errors import BundleError

# The zip of the package below. It must never change: a new hash here would mean that every step
# runs again, and a different one per Python version would mean the same at each upgrade.
ZIP_SHA256 = "96d77350aced09f6e7e356687d7e38911b014d75058ac074662fb5113e00f77b"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return make_code(tmp_path / "code")


def make_code(folder: Path) -> Path:
    (folder / "ecglib" / "sub").mkdir(parents=True)
    for script in ("clean.py", "fit.py"):
        (folder / script).write_text(f"# {script}\n")
    (folder / "ecglib" / "zeta.py").write_text("VALUE = 42\n")
    (folder / "ecglib" / "__init__.py").write_text("")
    (folder / "ecglib" / "sub" / "__init__.py").write_text("# sub\n")
    return folder


def used(code: Path, bucket: str = "bucket", prefix: str = "tables") -> Bundle:
    """A bundle that steps have asked for all that there is."""
    bundle = Bundle(code, bucket, prefix)
    bundle.script("clean.py")
    bundle.script("fit.py")
    bundle.package("ecglib")
    bundle.document("conf.json", {"b": 1, "a": 2})
    return bundle


def test_keys_are_the_hashes_of_the_bytes(code: Path) -> None:
    made = used(code)
    assert [a.name for a in made.artifacts] == ["clean.py", "fit.py", "ecglib.zip", "conf.json"]
    for artifact in made.artifacts:
        assert artifact.sha256 == hashlib.sha256(artifact.data).hexdigest()
        assert artifact.key == f"tables/code/{artifact.sha256}/{artifact.name}"
    assert made.script("fit.py") == f"s3://bucket/{made.artifacts[1].key}"


def test_what_nobody_asks_for_is_left_out_and_what_is_asked_for_twice_is_in_once(
    code: Path,
) -> None:
    bundle = Bundle(code, "bucket", "tables")
    assert bundle.artifacts == ()
    assert bundle.script("fit.py") == bundle.script("fit.py")
    assert [a.name for a in bundle.artifacts] == ["fit.py"]


def test_scripts_of_one_name_in_two_folders_are_two(code: Path) -> None:
    (code / "other").mkdir()
    (code / "other" / "fit.py").write_text("# another\n")
    bundle = Bundle(code, "bucket", "tables")
    assert bundle.script("fit.py") != bundle.script("other/fit.py")
    assert [a.name for a in bundle.artifacts] == ["fit.py", "fit.py"]


def test_folder_time_mode_and_leftovers_change_nothing(code: Path, tmp_path: Path) -> None:
    other = make_code(tmp_path / "somewhere else" / "code")
    (other / "ecglib" / "__pycache__").mkdir()
    (other / "ecglib" / "__pycache__" / "zeta.cpython-311.pyc").write_bytes(b"x")
    (other / "ecglib" / ".zeta.py.swp").write_bytes(b"x")
    for path in other.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert used(other).artifacts == used(code).artifacts


def test_a_changed_script_gets_a_new_key_and_nothing_else_does(code: Path) -> None:
    before = used(code).artifacts
    (code / "fit.py").write_text("# changed\n")
    after = used(code).artifacts
    changed = [a.name for a, b in zip(before, after, strict=True) if a != b]
    assert changed == ["fit.py"]


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
    finder = zipimport.zipimporter(str(tmp_path / "lib.zip"))
    assert finder.is_package("ecglib")
    assert finder.is_package("ecglib/sub")
    spec = zipimport.zipimporter(str(tmp_path / "lib.zip" / "ecglib")).find_spec("zeta")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.VALUE == 42


def test_a_document_is_the_same_however_it_is_ordered(code: Path) -> None:
    one, two = Bundle(code, "b", "p"), Bundle(code, "b", "p")
    assert one.document("c.json", {"a": 1, "b": 2}) == two.document("c.json", {"b": 2, "a": 1})
    assert json.loads(one.artifacts[0].data) == {"a": 1, "b": 2}


def test_the_longest_uri_fits_into_an_argument(code: Path) -> None:
    bundle = Bundle(code, "b" * 63, "p" * 80)
    (code / ("n" * 30 + ".py")).write_text("#\n")
    assert len(bundle.script("n" * 30 + ".py")) <= 256


def test_a_missing_script_is_named(code: Path) -> None:
    (code / "clean.py").unlink()
    with pytest.raises(BundleError, match=r"clean\.py is missing: .* restore it"):
        used(code)


def test_an_empty_script_is_named(code: Path) -> None:
    (code / "fit.py").write_text("")
    with pytest.raises(BundleError, match=r"fit\.py is empty"):
        used(code)


def test_a_script_that_is_a_folder_is_named(code: Path) -> None:
    (code / "fit.py").unlink()
    (code / "fit.py").mkdir()
    with pytest.raises(BundleError, match=r"fit\.py can't be read: Is a directory"):
        used(code)


def test_missing_helpers_are_named(code: Path) -> None:
    for path in (code / "ecglib").rglob("*.py"):
        path.unlink()
    with pytest.raises(BundleError, match="ecglib is missing or has no Python files"):
        used(code)


def _zip(code: Path) -> bytes:
    return next(a.data for a in used(code).artifacts if a.name == "ecglib.zip")
