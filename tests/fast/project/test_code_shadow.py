"""`code/` is a folder of scripts and must never hide the standard library's module `code`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_folder_is_no_package() -> None:
    assert (ROOT / "code").is_dir()
    assert not (ROOT / "code" / "__init__.py").exists()


def test_from_the_root_code_is_the_standard_library_and_pdb_works() -> None:
    program = "import code, pdb; print(code.__file__); print(pdb.Pdb, code.InteractiveConsole)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.splitlines()[0]).parent != ROOT
    assert Path(run.stdout.splitlines()[0]).name == "code.py"
