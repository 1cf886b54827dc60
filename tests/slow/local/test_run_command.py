"""`python -m pipelines.run`, as its users call it."""

from __future__ import annotations

import copy
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.decomposition import PCA

from pipelines import PROJECT
from sagepipe.cli.frame import run_verb
from sagepipe.local.source import Source
from sagepipe.project import Pipeline

ROOT = Path(__file__).resolve().parents[3]
RATE = 250
ROWS = 3000
LEADS = ("i", "ii", "iii", "v1")

Run = Callable[..., subprocess.CompletedProcess[str]]


def write_recording(
    path: Path, seed: int, rows: int = ROWS, leads: tuple[str, ...] = LEADS
) -> None:
    """ii = i + iii but for rounding; an offset, and two missing cells in the first."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, len(leads))).cumsum(axis=0) / 50 + 3
    if len(leads) == 4:
        values[:, 1] = values[:, 0] + values[:, 2]
    text = [",".join(("time", *leads))]
    for n, row in enumerate(values):
        cells = [f"{cell:.5f}" for cell in row]
        if seed == 0 and n in (10, 11):
            cells[3] = ""
        text.append(",".join([f"{n / RATE:.3f}", *cells]))
    path.write_text("\n".join(text) + "\n")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for n in range(8):
        write_recording(folder / f"rec-{n}.csv", n)
    return folder


@pytest.fixture(scope="module")
def java_free_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """This machine's commands, all but Java's."""
    folder = tmp_path_factory.mktemp("bin")
    for parent in ("/usr/bin", "/bin"):
        for entry in Path(parent).iterdir():
            if not entry.name.startswith(("java", "jre")) and not (folder / entry.name).exists():
                (folder / entry.name).symlink_to(entry)
    assert shutil.which("java", path=str(folder)) is None
    return str(folder)


# A network namespace has no way out; its own loopback is down until somebody sets it up.
OFFLINE = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sH14s", b"lo", 0x1 | 0x40, b""))
os.execvp(sys.argv[1], sys.argv[1:])
"""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "pipelines.run", *map(str, arguments)]


def whole_run(recordings: Path, store: Path) -> list[str]:
    parameters = ("RowsPerPart=700", "WindowSeconds=4", "StepSeconds=2", "NComponents=3")
    pairs = [part for parameter in parameters for part in ("-p", parameter)]
    return command("--input", recordings, "--store", store, "--json", *pairs)


@pytest.fixture(scope="module")
def finished(
    recordings: Path, java_free_path: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The result of a whole run with no network and no system Java."""
    store = tmp_path_factory.mktemp("store")
    offline = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", OFFLINE]
    if subprocess.run([*offline, "true"], capture_output=True).returncode:
        pytest.skip("no network namespaces on this machine to prove this in")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "JAVA"))}
    done = subprocess.run(
        [*offline, *whole_run(recordings, store)],
        cwd=ROOT,
        env={**env, "PATH": java_free_path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def table(result: dict[str, Any], step: str, output: str, split: str = "") -> Any:
    folder = Path(result["steps"][step]["paths"][output], split)
    return pq.read_table(folder).sort_by([("recording", "ascending"), ("sample", "ascending")])


def test_a_whole_run_offline_and_without_java(finished: dict[str, Any]) -> None:
    assert finished["status"] == "Succeeded"
    statuses = {name: step["status"] for name, step in finished["steps"].items()}
    assert statuses == {
        "Preprocess": "Succeeded",
        "Pca": "Succeeded",
        "QualityGate": "Succeeded",
        "SparkTransform": "Succeeded",
        "QualityGateFailed": "Not run",
    }
    assert finished["steps"]["Preprocess"]["rows"] == 8 * ROWS
    assert finished["steps"]["Pca"]["instances"] == 8
    assert finished["metrics"]["rows"]["filled"] == 2


def test_its_model_is_scikit_learns(finished: dict[str, Any]) -> None:
    train = table(finished, "Preprocess", "train")
    values = np.column_stack([train[lead] for lead in LEADS])
    reference = PCA(svd_solver="full").fit(values)
    model = json.loads(Path(finished["steps"]["Pca"]["paths"]["model"], "model.json").read_text())
    assert model["n"] == len(values)
    np.testing.assert_allclose(
        model["explained_variance"], reference.explained_variance_[:3], rtol=1e-9
    )
    ours = np.array(model["components"])
    signs = np.sign((ours * reference.components_[:3]).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(ours * signs, reference.components_[:3], atol=1e-9)
    components = table(finished, "Pca", "components", "split=train")
    scores = np.column_stack([components[f"pc{n}"] for n in (1, 2, 3)])
    np.testing.assert_allclose(scores, (values - values.mean(axis=0)) @ ours.T, atol=1e-9)


def test_its_features_are_those_of_the_components(finished: dict[str, Any]) -> None:
    components = table(finished, "Pca", "components", "split=train")
    features = pq.read_table(
        Path(finished["steps"]["SparkTransform"]["paths"]["features"], "split=train")
    ).to_pylist()
    seconds = ROWS / RATE
    names = set(components["recording"].to_pylist())
    assert len(features) == len(names) * int(seconds / 2)  # a window starts every two seconds
    recording, time_, pc1 = (components[n].to_numpy() for n in ("recording", "time", "pc1"))
    for row in features:
        inside = (
            (recording == row["recording"]) & (time_ >= row["start"]) & (time_ < row["start"] + 4)
        )
        assert row["n"] == inside.sum()
        assert row["pc1_mean"] == pytest.approx(pc1[inside].mean(), abs=1e-12)
        assert row["pc1_std"] == pytest.approx(pc1[inside].std(), abs=1e-12)
        assert row["pc1_energy"] == pytest.approx((pc1[inside] ** 2).sum(), rel=1e-12)


def test_it_leaves_event_logs_and_instance_logs(finished: dict[str, Any]) -> None:
    spark = finished["steps"]["SparkTransform"]
    logs = [p for p in Path(spark["paths"]["spark-event-logs"]).rglob("*") if p.is_file()]
    assert any('"Event":"SparkListenerApplicationEnd"' in p.read_text() for p in logs)
    hosts = sorted(p.name for p in Path(finished["folder"], "Pca").glob("*.log"))
    assert hosts == [f"algo-{n}.log" for n in range(1, 9)]


def test_a_second_run_is_cached_and_reports_the_same(
    finished: dict[str, Any], recordings: Path
) -> None:
    store = Path(finished["folder"]).parents[2]
    done = subprocess.run(
        whole_run(recordings, store),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    assert again["execution_id"] != finished["execution_id"]
    for name in ("Preprocess", "Pca", "SparkTransform"):
        step, before = again["steps"][name], finished["steps"][name]
        assert (step["reused"], step["source"]) == ("cached", finished["execution_id"])
        assert (step["rows"], step["paths"]) == (before["rows"], before["paths"])
        assert f"{name}: cached; the result of execution {step['source']} is taken" in done.stderr
    assert again["metrics"] == finished["metrics"]


# --- what goes wrong ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built() -> tuple[Any, ...]:
    return PROJECT["ecg-pca"].source()


@pytest.fixture
def _built_once(built: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Building takes seconds and is the same each time, which has tests of its own."""
    monkeypatch.setattr(Pipeline, "source", lambda _: copy.deepcopy(built))


@pytest.fixture
def failing(
    tmp_path: Path, _built_once: None, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Calls the command in this process; returns its exit code and what it said on stderr.

    Afterwards no output may lie in the store, whole or half."""

    def call(*arguments: object, keep: tuple[str, ...] = ()) -> tuple[int, str]:
        store = tmp_path / "store"
        words = ["--store", str(store), "--quiet", *map(str, arguments)]
        code = run_verb("run", words, project=PROJECT)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Traceback" not in captured.err
        left = {p.parts[-2] for p in store.glob("local-artifacts/runs/**/*") if p.is_file()}
        assert left <= set(keep), left
        return code, captured.err

    return call


Failing = Callable[..., tuple[int, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "mine"
    path.mkdir()
    for n in range(3):
        write_recording(path / f"rec-{n}.csv", n, rows=50)
    return path


ONE = ("-p", "PreprocessInstanceCount=1")


def test_a_missing_lead_names_file_lead_and_remedy(failing: Failing, folder: Path) -> None:
    write_recording(folder / "short.csv", 7, rows=50, leads=("i", "ii", "iii"))
    code, said = failing("--input", folder, "-p", "Leads=i,v1", *ONE)
    assert code == 1
    assert "Preprocess failed: AlgorithmError: , exit code: 1" in said
    for part in ("short.csv", "v1", "i, ii, iii", "--leads"):
        assert part in said


def test_a_header_only_recording_is_named(failing: Failing, folder: Path) -> None:
    (folder / "empty.csv").write_text("time,i,ii,iii,v1\n")
    code, said = failing("--input", folder, *ONE)
    assert code == 1
    assert "empty.csv" in said


def test_an_unreadable_recording_is_named(failing: Failing, folder: Path) -> None:
    whole = gzip.compress((folder / "rec-0.csv").read_bytes())
    (folder / "torn.csv.gz").write_bytes(whole[: len(whole) // 2])
    code, said = failing("--input", folder, *ONE)
    assert code == 1
    assert "torn.csv.gz" in said


def test_an_empty_folder(failing: Failing, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    code, said = failing("--input", empty)
    assert code == 1
    assert said == f"error: --input {empty} has no files; put the pipeline's input there\n"


def test_a_folder_without_recordings(failing: Failing, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("x")
    code, said = failing("--input", other, *ONE)
    assert code == 1
    assert "no recordings (*.csv, *.csv.gz)" in said


def test_a_folder_that_is_none(failing: Failing, tmp_path: Path) -> None:
    assert failing("--input", tmp_path / "x") == (
        1,
        f"error: --input {tmp_path / 'x'} is not a folder\n",
    )


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("PcaInstanceCont=2", "did you mean PcaInstanceCount?"),
        ("PcaInstanceCount=two", "'PcaInstanceCount' takes a whole number, not 'two'"),
        ("Fill=magic", "'Fill': 'magic' is not one of zero, interpolate, drop"),
        ("Fill", "-p Fill: write -p NAME=VALUE"),
    ],
)
def test_a_wrong_parameter_is_said_before_anything_starts(
    failing: Failing, folder: Path, pair: str, message: str
) -> None:
    code, said = failing("--input", folder, "-p", pair)
    assert code == 1
    assert message in said
    assert said.count("\n") == 1


def test_a_failing_gate_gives_its_message(failing: Failing, folder: Path) -> None:
    code, said = failing(
        *("--input", folder, "-p", "MinExplainedVariance=0.999999", "-p", "NComponents=1"),
        *("-p", "PcaInstanceCount=2"),
        keep=(
            "train",
            "validation",
            "test",
            "account",
            "model",
            "metrics",
            "split=train",
            "split=validation",
            "split=test",
        ),
    )
    assert code == 1
    assert "QualityGateFailed failed: The quality gate stopped this execution" in said
    assert "at least 0.999999 of the variance" in said
    assert "metrics.json" in said


@pytest.mark.usefixtures("_built_once")
def test_more_instances_than_recordings_leaves_instances_idle(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = ("-p", "PreprocessInstanceCount=5", "-p", "PcaInstanceCount=13")
    closed = ("-p", "MaxRejectedShare=-1")  # the gate ends it before Spark
    store = str(tmp_path / "store")
    words = ["--input", str(folder), "--store", store, "--json", "--quiet", *counts, *closed]
    code = run_verb("run", words, project=PROJECT)
    assert code == 1
    result = json.loads(capsys.readouterr().out)
    assert (
        result["steps"]["Preprocess"]["status"] == result["steps"]["Pca"]["status"] == "Succeeded"
    )
    assert result["steps"]["Pca"]["rows"] == 150


def start(folder: Path, store: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("--input", folder, "--store", store, "--quiet", *arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def instances_of(store: Path, script: str) -> Iterator[int]:
    """Processes that run a script as an instance of an execution in this store."""
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                line = Path("/proc", pid, "cmdline").read_bytes()
                environment = Path("/proc", pid, "environ").read_bytes()
            except OSError:
                continue
            if script.encode() in line and str(store).encode() in environment:
                yield int(pid)


def wait_for_instances(store: Path, script: str) -> list[int]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := list(instances_of(store, script)):
            return found
        time.sleep(0.005)
    raise AssertionError(f"no instance ever ran {script}")


@pytest.fixture
def long_recording(tmp_path: Path) -> Path:
    """A folder with a recording that takes seconds to read."""
    path = tmp_path / "long"
    path.mkdir()
    write_recording(path / "rec.csv", 1, rows=20_000)
    header, *rows = (path / "rec.csv").read_text().splitlines(keepends=True)
    with (path / "rec.csv").open("w") as file:
        file.write(header)
        for _ in range(150):
            file.writelines(rows)
    return path


def test_a_killed_instance_is_reported(long_recording: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    process = start(long_recording, store)
    os.kill(wait_for_instances(store, "preprocess.py")[0], signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Preprocess failed: AlgorithmError: , exit code: 137" in said
    assert ".log:" in said
    assert not list(store.glob("local-artifacts/runs/**/*.parquet"))
    assert not list(instances_of(store, ""))


def test_ctrl_c_stops_every_process_and_says_what_is_left(
    long_recording: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    process = start(long_recording, store)
    wait_for_instances(store, "preprocess.py")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; every process has ended" in said
    assert not list(store.glob("local-artifacts/runs/**/*.parquet"))
    assert not list(instances_of(store, ""))
    [record] = store.glob(".local/executions/*/execution.json")
    assert json.loads(record.read_text())["status"] == "Stopped"


def test_help_has_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_verb("run", ["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "examples:" in said
    assert "exit code:" in said
