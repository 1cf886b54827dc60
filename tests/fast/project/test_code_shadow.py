"""`code/` is a folder of scripts and must never hide the standard library's module `code`."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_folder_is_no_package() -> None:
    assert (ROOT / "code").is_dir()
    assert not (ROOT / "code" / "__init__.py").exists()


def test_from_the_root_code_is_the_standard_library() -> None:
    """Or `python -m pdb` would not start there."""
    elsewhere = [path for path in sys.path if Path(path) != ROOT / "code"]
    found = PathFinder.find_spec("code", [str(ROOT), *elsewhere])
    assert found is not None
    assert found.origin is not None
    assert Path(found.origin).name == "code.py"
    assert Path(found.origin).parent != ROOT
