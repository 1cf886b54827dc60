"""Where the command finds its own pipeline's recordings when buckets are folders of the user's."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from sagepipe.cli import run
from sagepipe.language.s3 import Location


def test_no_sample_is_generated_into_a_folder_of_the_users(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "raw").mkdir(parents=True)
    (mine / "raw" / "a.csv").write_text("time,i\n0,1\n")
    options = argparse.Namespace(store=tmp_path / "store", bucket=[f"ecg={mine}:ro"], input=None)
    store = run._store(options, Location("ecg", "raw"), Console(quiet=True))
    assert [item.key for item in store.list(Location("ecg"))] == ["raw/a.csv"]
    assert [path.name for path in mine.rglob("*")] == ["raw", "a.csv"]


def test_a_folder_of_recordings_goes_before_its_bucket(tmp_path: Path) -> None:
    for name in ("mine", "recordings"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.csv").write_text("time,i\n0,1\n")
    options = argparse.Namespace(
        store=tmp_path / "store", bucket=[f"ecg={tmp_path / 'mine'}"], input=tmp_path / "recordings"
    )
    store = run._store(options, Location("ecg", "raw"), Console(quiet=True))
    assert [item.key for item in store.list(Location("ecg"))] == ["mine.csv", "raw/recordings.csv"]
