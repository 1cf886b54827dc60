"""Rows that wait on disk come back bit by bit, and leave no trace."""

from pathlib import Path

import numpy as np
import pytest
from ecglib import projection, recordings, spool
from ecglib.clean import Rows
from hypothesis import given
from hypothesis import strategies as st
from step_helpers import files, pca_step, write_recording


@given(st.lists(st.integers(0, 50), max_size=5), st.integers(1, 4), st.integers(0, 2**32))
def test_rows_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], leads: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    folder = tmp_path_factory.getbasetemp() / "new" / "spool"
    pieces = []
    for n in lengths:
        # every other lead, as a view: not contiguous
        values = generator.normal(size=(2 * leads, n))[::2]
        pieces.append(Rows(generator.integers(0, 2**62, n), np.zeros(n), values))
    with spool.opened(folder, leads) as waiting:
        for piece in pieces:
            waiting.add(piece)
        assert list(folder.iterdir()) == []
        for _ in range(2):
            back = list(waiting)
            assert [len(sample) for sample, _ in back] == lengths
            for (sample, values), piece in zip(back, pieces, strict=True):
                np.testing.assert_array_equal(sample, piece.sample)
                np.testing.assert_array_equal(values, piece.values)


def test_a_recording_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_recording(tmp_path / "raw" / "a.csv", np.random.default_rng(1).normal(size=(300, 4)))
    read: list[str] = []

    class Counted(projection.RecordingStream):
        def __init__(self, recording: recordings.Recording, *more: object) -> None:
            read.append(recording.source)
            super().__init__(recording, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(projection, "RecordingStream", Counted)
    step = pca_step(tmp_path / "pca", tmp_path / "none", tmp_path / "raw")
    assert step("--scope", "recording", "--format", "csv") == 0
    assert read == ["a.csv"]
    assert files(step.output) == ["components/pca_a.csv"]
