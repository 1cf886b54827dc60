"""However many threads there are, and in whatever order they end: the same bytes."""

import gzip
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ecglib import stream, workers
from step_helpers import ecg_like, files, pca_step, preprocess_step, write_recording


@pytest.fixture(params=[1, 2, 5])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    use(request.param, monkeypatch)
    yield request.param
    workers._pool.cache_clear()


def use(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "count", lambda: count)
    workers._pool.cache_clear()


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stream.Reading.__init__, "__defaults__", _defaults(1 << 12))
    for number in range(5):
        path = tmp_path / "raw" / f"rec-{number}.csv"
        write_recording(path, ecg_like(number, n=2000 + 317 * number))
    with path.open("a") as file:
        file.write("21,1,2,x,4\n22,1,2,3\n23,1,,3,4\n")
    return path.parent


def _defaults(block: int) -> tuple[object, ...]:
    defaults = stream.Reading.__init__.__defaults__
    assert defaults is not None
    assert defaults[-1] == stream.BLOCK
    return (*defaults[:-1], block)


def run_all(folder: Path, raw: Path) -> dict[str, bytes]:
    before = preprocess_step(folder / "preprocess", raw)
    assert before("--rows-per-part", "700", "--seed", "3") == 0
    steps = {"preprocess": before}
    for kind in ("parquet", "csv"):
        steps[f"global-{kind}"] = pca_step(folder / f"global-{kind}", before.output)
        assert steps[f"global-{kind}"]("--format", kind) == 0
        steps[f"each-{kind}"] = pca_step(folder / f"each-{kind}", before.output, raw)
        assert steps[f"each-{kind}"]("--scope", "recording", "--format", kind) == 0
    return {
        f"{name}/{file}": (step.output / file).read_bytes()
        for name, step in steps.items()
        for file in files(step.output)
    }


def test_outputs_do_not_depend_on_the_number_of_threads(
    tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(1, monkeypatch)
    alone = run_all(tmp_path / "1", raw)
    assert len(alone) > 40
    for count in (2, 5):
        use(count, monkeypatch)
        assert run_all(tmp_path / str(count), raw) == alone


def test_a_damaged_recording_leaves_nothing_behind(
    tmp_path: Path, raw: Path, threads: int, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (raw / "rec-3.csv").read_bytes()
    (raw / "rec-3.csv").unlink()
    (raw / "rec-3.csv.gz").write_bytes(gzip.compress(text)[:-2000])
    step = preprocess_step(tmp_path / "preprocess", raw)
    assert step() == 1
    assert "rec-3.csv.gz: damaged gzip file" in capsys.readouterr().err
    assert files(step.output) == []


@pytest.mark.usefixtures("threads")
def test_results_come_in_the_order_of_the_items() -> None:
    def slow_at_first(item: int) -> int:
        time.sleep(0.02 / (1 + item))
        return item * item

    assert list(workers.ordered(slow_at_first, range(20), 1)) == [n * n for n in range(20)]


def test_reads_ahead_as_far_as_memory_allows(threads: int) -> None:
    for size, most in ((1, threads + 1), (workers._MEMORY, 1), (2 * workers._MEMORY, 0)):
        taken: list[int] = []

        def items(taken: list[int] = taken) -> Iterator[int]:
            for item in range(50):
                taken.append(item)
                yield item

        results = workers.ordered(str, items(), size)
        for done in range(1, 10):
            next(results)
            assert len(taken) == done + (most if threads > 1 else 0)


@pytest.mark.usefixtures("threads")
def test_an_error_comes_in_the_place_of_its_result() -> None:
    results = workers.ordered(lambda item: 1 // (3 - item), range(10), 1)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_work_is_under_way_after_the_end(threads: int) -> None:
    began: list[int] = []
    ended: list[int] = []

    def work(item: int) -> None:
        began.append(item)
        if item == 3:
            raise ValueError(item)
        time.sleep(0.05)
        ended.append(item)

    with pytest.raises(ValueError, match="3"):
        list(workers.ordered(work, range(20), 1))
    assert set(began) - set(ended) == {3}
    results = workers.ordered(work, range(4, 20), 1)
    next(results)
    results.close()
    assert set(began) - set(ended) == {3}


def test_whoever_waits_works_out_what_nobody_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    use(2, monkeypatch)
    free = threading.Event()
    try:
        busy = workers.submit(free.wait)
        here = threading.get_ident()
        assert workers.submit(threading.get_ident).result() == here
        assert list(workers.ordered(lambda _: threading.get_ident(), range(6), 1)) == [here] * 6
        failing = workers.submit(int, "x")
        for _ in range(2):
            with pytest.raises(ValueError, match="invalid literal"):
                failing.result()
    finally:
        free.set()
    assert busy.result() is True
    workers._pool.cache_clear()


def test_there_are_as_many_threads_as_cores_but_not_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cores, expected in ((1, 1), (4, 4), (64, workers.MOST)):
        monkeypatch.setattr(
            "os.sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False
        )
        workers.count.cache_clear()
        assert workers.count() == expected
    workers.count.cache_clear()
