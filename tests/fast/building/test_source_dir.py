"""A folder of code as the tarball that a FrameworkProcessor unpacks."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from sagepipe.building.bundle import Bundle
from sagepipe.errors import BundleError

# Of the folder below. It must never change: a new hash would mean that every step runs again.
SHA256 = "9ae318ee921278750c776c0683633fd6a522cf8ba493f44d3d7ef5ec2107c720"


def make_folder(root: Path) -> Path:
    (root / "source" / "helpers").mkdir(parents=True)
    (root / "source" / "main.py").write_text("import helpers\n")
    (root / "source" / "requirements.txt").write_text("numpy\n")
    (root / "source" / "helpers" / "__init__.py").write_text("")
    return root


def packed(bundle: Bundle) -> bytes:
    (artifact,) = bundle.artifacts
    return artifact.data


def test_it_holds_the_folders_files(tmp_path: Path) -> None:
    bundle = Bundle(make_folder(tmp_path), "bucket", "tables")
    uri = bundle.source_dir("source")
    digest = hashlib.sha256(packed(bundle)).hexdigest()
    assert uri == f"s3://bucket/tables/code/{digest}/sourcedir.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(packed(bundle)), mode="r:gz") as archive:
        assert archive.getnames() == ["helpers/__init__.py", "main.py", "requirements.txt"]
        member = archive.extractfile("main.py")
        assert member is not None
        assert member.read() == b"import helpers\n"


def test_its_bytes_are_those_of_the_content_alone(tmp_path: Path) -> None:
    bundle = Bundle(make_folder(tmp_path / "one"), "bucket", "tables")
    other = make_folder(tmp_path / "another place")
    (other / "source" / "__pycache__").mkdir()
    (other / "source" / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"x")
    (other / "source" / ".main.py.swp").write_bytes(b"x")
    for path in other.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    again = Bundle(other, "bucket", "tables")
    assert bundle.source_dir("source") == again.source_dir("source")
    assert hashlib.sha256(packed(bundle)).hexdigest() == SHA256
    (other / "source" / "main.py").write_text("# changed\n")
    assert bundle.source_dir("source") != again.source_dir("source")


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    bundle = Bundle(tmp_path, "bucket", "tables")
    with pytest.raises(BundleError, match="source is missing or empty"):
        bundle.source_dir("source")
    with pytest.raises(BundleError, match="nowhere is missing or empty"):
        bundle.source_dir("nowhere")
