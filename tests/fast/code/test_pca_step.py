"""pca.py from its command line: over instances, by recording, and what it refuses."""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pca
import pyarrow.csv
import pytest
from sklearn.decomposition import PCA
from step_helpers import (
    DATA,
    SPLITS,
    Step,
    accounts,
    ecg_like,
    files,
    matrix,
    pca_step,
    preprocess_step,
    read_part,
    tables,
    write_recording,
)

LEADS = ["l0", "l1", "l2", "l3"]
FIXED = ["recording", "sample", "time"]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    for number in range(11):
        values = ecg_like(number, 200 + 50 * number) + 1e6 + number
        write_recording(folder / f"r{number:02d}.csv", values)
    return folder


def merge(sources: Sequence[Path], target: Path) -> Path:
    """Copy the instances' outputs into one folder, as S3 holds them; no name may come twice."""
    for source in sources:
        for name in files(source):
            path = target / name
            assert not path.exists(), f"{name} from two instances"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, path)
    return target


def over_instances(
    folder: Path, raw: Path, before: int, after: int, *options: str
) -> tuple[Path, Path]:
    """Run both steps on so many instances; objects go round-robin. Return both merged outputs."""
    outputs = []
    paths = sorted(raw.rglob("*.csv"))
    hosts = [f"algo-{number + 1}" for number in range(before)]
    for number, host in enumerate(hosts):
        shard = folder / f"raw-{host}"
        shard.mkdir(parents=True)
        for path in paths[number::before]:
            shutil.copy(path, shard)
        step = preprocess_step(folder / f"pre-{host}", shard, hosts=hosts, host=host)
        assert step("--rows-per-part", "500", "--split", "0.6,0.2,0.2") == 0
        outputs.append(step.output)
    merged = merge(outputs, folder / "preprocessed")
    outputs = []
    hosts = [f"algo-{number + 1}" for number in range(after)]
    for number, host in enumerate(hosts):
        parts = folder / f"parts-{host}"
        for name in SPLITS:
            (parts / name).mkdir(parents=True)
            for path in sorted((merged / name).iterdir())[number::after]:
                shutil.copy(path, parts / name)
        step = pca_step(folder / f"pca-{host}", merged, parts, hosts=hosts, host=host)
        assert step(*options) == 0
        outputs.append(step.output)
    return merged, merge(outputs, folder / "projected")


def by_row(projected: Path) -> dict[tuple[str, int], list[float]]:
    rows = {}
    for name in SPLITS:
        folder = projected / "components" / f"split={name}"
        if folder.is_dir():
            table = tables(folder).to_pydict()
            names = [column for column in table if column.startswith("pc")]
            keys = zip(table["recording"], table["sample"], strict=True)
            values = zip(*(table[column] for column in names), strict=True)
            rows.update(dict(zip(keys, map(list, values), strict=True)))
    return rows


def test_the_same_on_any_number_of_instances(raw: Path, tmp_path: Path) -> None:
    outputs = [
        over_instances(tmp_path / str(count), raw, count, after, "--n-components", "3")
        for count, after in ((1, 1), (2, 8), (8, 2), (13, 13))
    ]
    models = {(out / "model" / "model.json").read_bytes() for _, out in outputs}
    metrics = {(out / "metrics" / "metrics.json").read_bytes() for _, out in outputs}
    assert len(models) == len(metrics) == 1
    rows = [by_row(out) for _, out in outputs]
    assert rows[0] == rows[1] == rows[2] == rows[3]
    assert len(rows[0]) == sum(200 + 50 * number for number in range(11))


def test_against_scikit_learn_from_raw_files(raw: Path, tmp_path: Path) -> None:
    merged, projected = over_instances(tmp_path / "x", raw, 3, 2, "--n-components", "all")
    check_against_scikit_learn(merged, projected, LEADS)


def check_against_scikit_learn(merged: Path, projected: Path, leads: list[str]) -> None:
    # By columns numpy sums pairwise: by rows scikit-learn's own mean is off by 1e-8 at 1e6.
    values = np.asfortranarray(matrix(tables(merged / "train"), leads))
    model = json.loads((projected / "model" / "model.json").read_text())
    reference = PCA(svd_solver="full").fit(values)
    assert model["n"] == len(values)
    assert model["leads"] == leads
    np.testing.assert_allclose(
        model["explained_variance"], reference.explained_variance_, rtol=1e-9
    )
    np.testing.assert_allclose(
        model["explained_variance_ratio"], reference.explained_variance_ratio_, rtol=1e-9
    )
    components = np.array(model["components"])
    signs = np.sign((components * reference.components_).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(components, signs * reference.components_, atol=1e-9)
    names = [f"pc{number + 1}" for number in range(len(leads))]
    scores = matrix(tables(projected / "components" / "split=train"), names)
    expected = (values - values.mean(axis=0)) @ components.T
    size = np.abs(values).max()
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12 + 1e-15 * size)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real recordings in {DATA}")
@pytest.mark.parametrize("offset", [0, 1_000_000])
def test_real_twelve_leads_with_dependent_ones(tmp_path: Path, offset: int) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for path in sorted((DATA / "ptb-s0010").glob("*.csv")):
        frame = pd.read_csv(path)
        frame.iloc[:, 1:] += offset
        frame.to_csv(raw / path.name, index=False)
    leads = list(frame.columns[1:])
    models = set()
    for count in (1, 2, 8, 13):
        merged, projected = over_instances(
            tmp_path / str(count), raw, count, count, "--n-components", "all"
        )
        models.add((projected / "model" / "model.json").read_bytes())
    assert len(models) == 1
    check_against_scikit_learn(merged, projected, leads)
    metrics = json.loads((projected / "metrics" / "metrics.json").read_text())
    assert metrics["splits"]["train"]["explained_variance"] == pytest.approx(1)


def test_metrics_add_up(raw: Path, tmp_path: Path) -> None:
    dirty = raw / "r02.csv"
    dirty.write_text(dirty.read_text() + "99,1,2\n100,,1,2,3\n101,x,1,2,3\n")
    merged, projected = over_instances(tmp_path / "x", raw, 2, 2, "--n-components", "2")
    metrics = json.loads((projected / "metrics" / "metrics.json").read_text())
    model = json.loads((projected / "model" / "model.json").read_text())
    several = accounts(merged / "account")
    read = sum(200 + 50 * number for number in range(11)) + 3
    assert metrics["rows"] == {
        "read": read,
        "written": read - 2,
        "filled": 1,
        "rejected": {"column_count": 1, "non_numeric": 1},
    }
    assert metrics["rejected_share"] == 2 / read
    assert metrics["components"] == 2
    assert metrics["leads_count"] == 4
    assert metrics["explained_variance"] == pytest.approx(sum(model["explained_variance_ratio"]))
    train = metrics["splits"]["train"]
    assert train["explained_variance"] == pytest.approx(metrics["explained_variance"], rel=1e-12)
    for name, figures in metrics["splits"].items():
        table = tables(merged / name)
        own = [account for account in several if account["split"] == name]
        assert figures["recordings"] == len(own) > 0
        assert figures["rows"] == table.num_rows == sum(account["written"] for account in own)
        values = matrix(table, LEADS)
        centred = values - values.mean(axis=0)
        kept = np.square(centred @ np.array(model["components"]).T).sum() / np.square(centred).sum()
        assert figures["explained_variance"] == pytest.approx(kept, rel=1e-9)
    values = matrix(tables(merged / "train"), LEADS)
    for lead, mean, std in zip(LEADS, values.mean(axis=0), values.std(axis=0, ddof=1), strict=True):
        assert metrics["leads"][lead]["mean"] == pytest.approx(mean)
        assert metrics["leads"][lead]["std"] == pytest.approx(std, rel=1e-9)
        assert 0 < metrics["leads"][lead]["explained_variance"] <= 1
    assert metrics["leads"]["l0"]["filled"] == 1
    assert sum(share * variance for share, variance in shares(metrics)) == pytest.approx(
        metrics["explained_variance"] * values.var(axis=0, ddof=1).sum(), rel=1e-9
    )


def shares(metrics: dict) -> list[tuple[float, float]]:  # type: ignore[type-arg]
    leads = metrics["leads"].values()
    return [(lead["explained_variance"], lead["std"] ** 2) for lead in leads]


def test_only_the_first_host_writes_model_and_metrics(raw: Path, tmp_path: Path) -> None:
    before = preprocess_step(tmp_path / "a", raw)
    assert before() == 0
    hosts = ("algo-10", "algo-2", "algo-9")
    for host in hosts:
        step = pca_step(tmp_path / host, before.output, hosts=hosts, host=host)
        assert step() == 0
        assert (step.output / "model" / "model.json").exists() == (host == "algo-2")
        assert (step.output / "metrics" / "metrics.json").exists() == (host == "algo-2")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_idle_instances_and_empty_parts_have_all_columns(
    raw: Path, tmp_path: Path, kind: str
) -> None:
    before = preprocess_step(tmp_path / "a", raw)
    assert before("--split", "1,0,0") == 0
    idle = pca_step(
        tmp_path / "b", before.output, tmp_path / "none", hosts=("algo-1", "algo-2"), host="algo-2"
    )
    assert idle("--n-components", "2", "--format", kind) == 0
    assert files(idle.output) == [f"components/split=train/none-algo-2.{kind}"]
    step = pca_step(tmp_path / "c", before.output)
    assert step("--n-components", "2", "--format", kind) == 0
    found = step.output / "components" / "split=test" / f"part-algo-1-00000.{kind}"
    for path in (found, idle.output / files(idle.output)[0]):
        if kind == "parquet":
            assert read_part(path) == {name: [] for name in [*FIXED, "pc1", "pc2"]}
        else:
            assert path.read_text() == '"recording","sample","time","pc1","pc2"\n'


def test_csv_has_the_same_numbers_as_parquet(raw: Path, tmp_path: Path) -> None:
    before = preprocess_step(tmp_path / "a", raw)
    assert before() == 0
    one, other = (pca_step(tmp_path / kind, before.output) for kind in ("parquet", "csv"))
    assert one() == other("--format", "csv") == 0
    for name in files(one.output / "components"):
        table = pyarrow.csv.read_csv(
            (other.output / "components" / name).with_suffix(".csv"),
            convert_options=pyarrow.csv.ConvertOptions(column_types={"recording": "string"}),
        )
        assert table.to_pydict() == read_part(one.output / "components" / name)


def test_whiten_and_standardize_reach_the_output(raw: Path, tmp_path: Path) -> None:
    before = preprocess_step(tmp_path / "a", raw)
    assert before() == 0
    step = pca_step(tmp_path / "b", before.output)
    assert step("--whiten", "true", "--standardize", "True", "--n-components", "3") == 0
    model = step.json("model/model.json")
    assert (model["whiten"], model["standardize"], model["n_components"]) == (True, True, 3)
    scores = matrix(tables(step.output / "components" / "split=train"), ["pc1", "pc2", "pc3"])
    np.testing.assert_allclose(np.cov(scores.T), np.eye(3), atol=1e-9)


# The recipe of the usual script: read_csv(usecols), fillna(0), PCA().fit_transform, for each file.
def usual(path: Path, columns: list[int]) -> np.ndarray:
    frame = pd.read_csv(path, usecols=columns, dtype=float).fillna(0.0)
    return PCA(n_components=len(columns), svd_solver="full").fit_transform(frame.values)


def check_against_usual(raw: Path, tmp_path: Path, columns: list[int]) -> None:
    step = Step(tmp_path / "x", pca.main, paths={"--input": str(raw)})
    chosen = ",".join(map(str, columns))
    options = ["--scope", "recording", "--leads", chosen, "--n-components", "all"]
    assert step(*options, "--format", "csv") == 0
    paths = sorted(p for p in raw.rglob("*") if p.is_file())
    assert len(files(step.output)) == len(paths)
    for path in paths:
        name = path.relative_to(raw).as_posix().replace("/", "__").split(".csv")[0]
        found = pd.read_csv(
            step.output / "components" / f"pca_{name}.csv",
            header=None,
            float_precision="round_trip",
        ).to_numpy()
        expected = usual(path, columns)
        assert found.shape == expected.shape
        signs = np.sign((found * expected).sum(axis=0))
        np.testing.assert_allclose(found * signs, expected, rtol=0, atol=1e-9)


def test_by_recording_gives_what_the_usual_script_gives(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for number in range(3):
        values = ecg_like(number, 3000 + number, 5)
        path = write_recording(raw / f"d{number}" / "x.csv", values)
        lines = path.read_text().splitlines()
        lines[7] = lines[7].rsplit(",", 1)[0] + ","
        path.write_text("\n".join(lines))
    packed = pd.read_csv(raw / "d2" / "x.csv")
    packed.to_csv(raw / "packed.csv.gz", index=False)
    check_against_usual(raw, tmp_path, [1, 2, 3, 5])


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real recordings in {DATA}")
@pytest.mark.parametrize(("name", "columns"), [("mitdb-100", [1, 2]), ("ptb-s0010", [1, 2, 7, 9])])
def test_by_recording_on_real_data(tmp_path: Path, name: str, columns: list[int]) -> None:
    check_against_usual(DATA / name, tmp_path, columns)


def test_by_recording_as_parquet_names_the_rows(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_recording(raw / "p" / "a.csv", ecg_like(1, 50))
    step = Step(tmp_path / "x", pca.main, paths={"--input": str(raw)})
    assert step("--scope", "recording", "--n-components", "2", "--fill", "interpolate") == 0
    table = read_part(step.output / "components" / "pca_p__a.parquet")
    assert list(table) == ["recording", "sample", "pc1", "pc2"]
    assert table["recording"] == ["p/a"] * 50
    assert table["sample"] == list(range(50))


def test_by_recording_on_parts_uses_each_ones_moments(raw: Path, tmp_path: Path) -> None:
    before = preprocess_step(tmp_path / "a", raw)
    assert before("--rows-per-part", "300") == 0
    step = pca_step(tmp_path / "b", before.output)
    assert step("--scope", "recording", "--n-components", "0.8") == 0
    rows = by_row(step.output)
    kept = len(next(iter(rows.values())))
    needed = []
    for number in range(11):
        values = ecg_like(number, 200 + 50 * number) + 1e6 + number
        found = np.array([rows[f"r{number:02d}", row] for row in range(len(values))])
        expected = PCA(kept, svd_solver="full").fit_transform(values)
        signs = np.sign((found * expected).sum(axis=0))
        np.testing.assert_allclose(found * signs, expected, rtol=0, atol=1e-8)
        needed.append(PCA(0.8, svd_solver="full").fit(values).n_components_)
    assert kept == max(needed)


def test_idle_instances_by_recording(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for kind in ("csv", "parquet"):
        step = Step(
            tmp_path / kind,
            pca.main,
            ("algo-1", "algo-2"),
            paths={"--input": str(tmp_path / "raw")},
        )
        nowhere = ["--moments", str(tmp_path / "nowhere")]
        assert step("--scope", "recording", "--format", kind, *nowhere) == 0
        assert files(step.output) == [f"components/none-algo-1.{kind}"]


def refuse(step: Step, capsys: pytest.CaptureFixture[str], message: str, *options: str) -> None:
    assert step(*options) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert step.message.read_text() in said
    assert files(step.output) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--n-components", "5"],
            "--n-components (parameter NComponents): 5 is more than the 4 leads there are",
        ),
        (
            ["--n-components", "none"],
            "--n-components (parameter NComponents) must be 'all', a number of components",
        ),
        (["--whiten", "yes"], "--whiten must be true or false, not 'yes'"),
        (["--standardize", "1"], "--standardize must be true or false"),
        (["--format", "json"], "--format must be one of parquet, csv"),
        (["--scope", "all"], "--scope must be one of global, recording"),
        (["--account", "/nowhere"], "/nowhere: no row account (*.jsonl)"),
        (["--moments", "/nowhere"], "no rows in the moments"),
    ],
)
def test_bad_options_are_refused(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    before = preprocess_step(tmp_path / "a", raw)
    assert before() == 0
    refuse(pca_step(tmp_path / "b", before.output), capsys, message, *options)


def test_no_train_rows_say_what_to_do(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = preprocess_step(tmp_path / "a", raw)
    assert before("--split", "0,1,0") == 0
    message = "no train rows, of at least 2 that a PCA needs: give more recordings"
    refuse(pca_step(tmp_path / "b", before.output), capsys, message)


def test_a_single_row_is_not_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = tmp_path / "raw"
    write_recording(raw / "short.csv", ecg_like(1, 1))
    before = preprocess_step(tmp_path / "a", raw)
    assert before("--split", "1,0,0") == 0
    refuse(pca_step(tmp_path / "b", before.output), capsys, "1 train rows, of at least 2")
    step = Step(tmp_path / "c", pca.main, paths={"--input": str(raw)})
    refuse(step, capsys, "recording 'short' has 1 row", "--scope", "recording")


def test_different_leads_over_instances_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = []
    for host, leads in (("algo-1", ["i", "ii"]), ("algo-2", ["i", "v1"])):
        raw = tmp_path / f"raw-{host}"
        write_recording(raw / f"{host}.csv", ecg_like(1, 20, 2), leads)
        step = preprocess_step(tmp_path / host, raw, hosts=("algo-1", "algo-2"), host=host)
        assert step("--split", "1,0,0") == 0
        outputs.append(step.output)
    merged = merge(outputs, tmp_path / "merged")
    message = "recordings 'algo-1' and 'algo-2' have different leads: i, ii and i, v1."
    refuse(pca_step(tmp_path / "b", merged), capsys, message)


def test_one_recording_on_two_instances_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = []
    for host, name in (("algo-1", "a.csv"), ("algo-2", "a.CSV")):
        write_recording(tmp_path / f"raw-{host}" / name, ecg_like(1, 20, 2))
        raw = tmp_path / f"raw-{host}"
        step = preprocess_step(tmp_path / host, raw, hosts=("algo-1", "algo-2"), host=host)
        assert step("--split", "1,0,0") == 0
        outputs.append(step.output)
    merged = merge(outputs, tmp_path / "merged")
    message = "recording 'a' comes from both a.csv and a.CSV"
    refuse(pca_step(tmp_path / "b", merged), capsys, message)


def test_moments_and_account_of_different_runs_are_refused(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = preprocess_step(tmp_path / "a", raw)
    assert before("--split", "1,0,0") == 0
    next((before.output / "moments" / "train").glob("r03-*.json")).unlink()
    message = "recording 'r03' in train: no rows in the moments, 350 in the account"
    refuse(pca_step(tmp_path / "b", before.output), capsys, message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train/part-algo-1-00000.parquet", "not a part that Preprocess wrote"),
        ("moments/train/*", "damaged moments"),
        ("account/algo-1.jsonl", "damaged row account"),
    ],
)
def test_damaged_inputs_are_named(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    before = preprocess_step(tmp_path / "a", raw)
    assert before() == 0
    path = min(before.output.glob(name))
    path.write_text('{"kind": 1')
    step = pca_step(tmp_path / "b", before.output)
    refuse(step, capsys, message)
    assert path.name in step.message.read_text()


def test_parts_of_another_run_are_refused(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = (preprocess_step(tmp_path / name, raw) for name in "ab")
    assert one("--leads", "l0,l1") == other() == 0
    step = pca_step(tmp_path / "c", one.output, other.output)
    refuse(step, capsys, "its leads are l0, l1, l2, l3, but the moments' are l0, l1")


def test_nothing_to_do_alone_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = pca_step(tmp_path / "b", tmp_path / "nowhere")
    refuse(step, capsys, "neither parts", "--scope", "recording")


def test_numbers_in_model_are_finite_json(raw: Path, tmp_path: Path) -> None:
    constant = raw / "r00.csv"
    write_recording(constant, np.column_stack([ecg_like(1, 50, 3), np.zeros(50)]) + 1e6)
    for path in raw.glob("r[01][1-9]*"):
        path.unlink()
    (raw / "r10.csv").unlink()
    before = preprocess_step(tmp_path / "a", raw)
    assert before("--split", "1,0,0") == 0
    step = pca_step(tmp_path / "b", before.output)
    assert step("--n-components", "all", "--standardize", "true", "--whiten", "true") == 0
    model = step.json("model/model.json")
    assert model["rank"] == 3
    assert model["scale"][3] == 1
    assert all(map(math.isfinite, np.ravel(model["components"])))
    scores = matrix(tables(step.output / "components" / "split=train"), ["pc4"])
    assert (scores == 0).all()
    assert step.json("metrics/metrics.json")["leads"]["l3"]["explained_variance"] is None
