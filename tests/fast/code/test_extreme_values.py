"""Values up to 1e300 and down to 1e-300: exact moments and models, or a refusal that says where."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from ecglib import model, moments, split
from ecglib.errors import StepError
from ecglib.model import Options
from step_helpers import (
    Floats,
    ecg_like,
    exact,
    files,
    matrix,
    pca_step,
    preprocess_step,
    tables,
    write_recording,
)

pytestmark = pytest.mark.filterwarnings("error")

SIZES = [1e300, 1e200, 1e160, 1e150, 1.0, 1e-150, 1e-162, 1e-200, 1e-300]
LEADS = ("a", "b", "c")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("offset", [0, 1000])
def test_moments_are_exact_to_rounding_at_any_size(size: float, offset: float) -> None:
    values = (ecg_like(1, 1200, 3) + offset) * size / 2000
    found = moments.merged(moments.of(p.T.copy()) for p in np.array_split(values, 5))
    assert found is not None
    means, comoment = exact(values)
    spread = [Fraction(math.isqrt(int(comoment[i][i] * 10**700))) / 10**350 for i in range(3)]
    factor = [[Fraction(cell) for cell in row] for row in found.factor.tolist()]
    for i in range(3):
        error = Fraction(found.mean[i]) + Fraction(found.mean_low[i]) - means[i]
        assert abs(error) <= Fraction(1e-13) * spread[i]
        for j in range(3):
            product = sum(row[i] * row[j] for row in factor)
            assert abs(product - comoment[i][j]) <= Fraction(1e-12) * spread[i] * spread[j]


def fit(values: Floats, **options: object) -> model.Model:
    found = moments.merged(moments.of(p.T.copy()) for p in np.array_split(values, 3))
    assert found is not None
    return model.fit(LEADS, found, Options(**{"n_components": "all", **options}), "x.csv")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1e290, 1e200, 1e160, 1e-162, 1e-200, 1e-290])
def test_a_standardized_model_does_not_depend_on_units(size: float) -> None:
    values = ecg_like(2, 500, 3)
    power = 2.0 ** round(math.log2(size))
    usual, scaled = fit(values, standardize=True), fit(values * power, standardize=True)
    assert (scaled.scale == usual.scale * power).all()
    assert (scaled.axes == usual.axes).all()
    assert (scaled.variance == usual.variance).all()
    assert (scaled.project((values * power).T) == usual.project(values.T)).all()
    mixed = values * [power, 1, 1 / power]
    np.testing.assert_array_equal(fit(mixed, standardize=True).variance, usual.variance)


@pytest.mark.parametrize("size", [1e145, 1e100, 1e-100, 1e-130])
def test_a_model_keeps_its_bits_in_units_that_a_variance_has_room_for(size: float) -> None:
    values = ecg_like(2, 500, 3)
    power = 2.0 ** round(math.log2(size))
    usual, scaled = fit(values), fit(values * power)
    assert (scaled.axes == usual.axes).all()
    assert (scaled.ratio == usual.ratio).all()
    assert scaled.explained_by_lead() == usual.explained_by_lead()
    other = ecg_like(3, 100, 3).T.copy()
    assert scaled.explained(moments.of(other * power)) == usual.explained(moments.of(other))


@pytest.mark.parametrize(
    ("size", "deviation"),
    [(1e200, r"1\.\d+e\+200, too large"), (1e160, "too large"), (1e-162, "too small")],
)
def test_a_variance_beyond_float64_is_refused_by_lead(size: float, deviation: str) -> None:
    with pytest.raises(StepError, match=f"x.csv: lead 'b' has a standard .*{deviation}.*--stand"):
        fit(ecg_like(2, 500, 3) * [0, 1, 0.1] * size)


def test_a_lead_that_is_tiny_beside_others_is_null() -> None:
    values = ecg_like(2, 500, 3)
    usual, ours = fit(values * [1, 1, 0]), fit(values * [1, 1, 1e-200])
    assert ours.rank == usual.rank == 2
    np.testing.assert_allclose(ours.variance, usual.variance, rtol=1e-14)


def test_a_deviation_that_has_no_reciprocal_is_refused() -> None:
    with pytest.raises(
        StepError, match=r"x.csv: lead 'c' has a standard deviation of .*e-3.*small"
    ):
        fit(ecg_like(2, 500, 3) * [1, 1, 1e-310], standardize=True)


@pytest.mark.parametrize("constant", [0.1, 1e20, 1e200, -1e300])
def test_a_constant_lead_of_any_size_is_nothing_when_standardized(constant: float) -> None:
    values = np.column_stack([ecg_like(2, 500, 2), np.full(500, constant)])
    ours, usual = fit(values, standardize=True), fit(values * [1, 1, 0], standardize=True)
    np.testing.assert_allclose(ours.variance, usual.variance, rtol=1e-14)
    assert ours.scale[2] == 1


def refused(said: str, *words: str) -> None:
    assert said.count("\n") == 1, said
    for word in words:
        assert word in said


@pytest.mark.parametrize("value", ["1.7e308", "-1.7e308", "1e305"])
def test_what_is_too_large_to_add_up_is_refused_by_file_and_lead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    raw = tmp_path / "raw"
    write_recording(raw / "good.csv", ecg_like(1), [*"abcd"])
    path = write_recording(raw / "huge.csv", ecg_like(2), [*"abcd"])
    lines = path.read_text().split("\n")
    for row in range(5, 300, 7):
        cells = lines[row].split(",")
        lines[row] = ",".join([*cells[:2], value, *cells[3:]])
    path.write_text("\n".join(lines))
    for step, options in (
        (preprocess_step(tmp_path / "a", raw), []),
        (pca_step(tmp_path / "b", tmp_path / "none", raw), ["--scope", "recording"]),
    ):
        for fill in ("zero", "interpolate"):
            assert step(*options, "--fill", fill) == 1
            refused(capsys.readouterr().err, "huge.csv: lead 'b' has values too large to add up")
            assert files(step.output) == []


def test_gaps_between_huge_values_do_not_overflow_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "raw").mkdir()
    rows = "0,1.7e308\n0.01,\n0.02,-1.7e308\n1e308,1\n-1.7e308,2\n"
    (tmp_path / "raw" / "x.csv").write_text(f"t,a\n{rows}")
    step = preprocess_step(tmp_path / "a", tmp_path / "raw")
    assert step("--fill", "interpolate") == 1
    refused(capsys.readouterr().err, "x.csv: lead 'a' has values too large")


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_both_scopes_refuse_or_standardize(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], size: float
) -> None:
    raw = tmp_path / "raw"
    for number in range(3):
        write_recording(raw / f"r{number}.csv", ecg_like(number) * size)
    before = preprocess_step(tmp_path / "a", raw)
    assert before("--split", "1,0,0") == 0
    for number, (step, options) in enumerate(
        (
            (pca_step(tmp_path / "b", before.output), ()),
            (pca_step(tmp_path / "c", before.output), ("--scope", "recording")),
            (pca_step(tmp_path / "d", tmp_path / "none", raw), ("--scope", "recording")),
        )
    ):
        assert step(*options) == 1
        word = "large" if size > 1 else "small"
        refused(capsys.readouterr().err, "lead 'l", "recording", f"too {word} for a variance", "'r")
        assert files(step.output) == []
        assert step(*options, "--standardize", "true", "--n-components", "all") == 0
        assert "nan" not in capsys.readouterr().out
        folder = step.output / "components" / ("" if number == 2 else "split=train")
        values = matrix(tables(folder), ["pc1", "pc2", "pc3", "pc4"])
        assert np.isfinite(values).all()
        np.testing.assert_allclose(np.square(values).sum() / (3 * 400 - 1), 4, rtol=0.01)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_recordings_that_are_constants(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], size: float
) -> None:
    raw = tmp_path / "raw"
    for number, sign in enumerate((1, -1, 1)):
        values = np.full((50, 2), sign * size)
        write_recording(raw / f"r{number}.csv", values, ["a", "b"])
    before = preprocess_step(tmp_path / "a", raw)
    assert before("--split", "1,0,0") == 0
    step = pca_step(tmp_path / "b", before.output)
    assert step() == 1
    refused(capsys.readouterr().err, "the train recordings (largest: 'r0'): lead 'a'")
    assert step("--standardize", "true") == 0
    assert step.json("model/model.json")["explained_variance_ratio"] == pytest.approx([1])


def test_rows_too_far_from_the_model_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "raw"
    for number in range(9):
        write_recording(raw / f"r{number}.csv", ecg_like(number) * (1e-280 if number else 1e290))
    shares = (0.8, 0.2, 0.0)
    seed = next(n for n in range(99) if split.assign("r0", shares, n) == "validation")
    before = preprocess_step(tmp_path / "a", raw)
    assert before("--split", "0.8,0.2,0", "--seed", str(seed)) == 0
    step = pca_step(tmp_path / "b", before.output)
    assert step("--standardize", "true") == 1
    refused(capsys.readouterr().err, "recording 'r0': lead 'l0' has values that are too large for")


@pytest.mark.parametrize("rate", ["1e-300", "1e-10", "1e16", "5e-324"])
def test_a_sampling_rate_that_no_time_fits_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: str
) -> None:
    write_recording(tmp_path / "raw" / "a.csv", ecg_like(1))
    step = preprocess_step(tmp_path / "a", tmp_path / "raw")
    assert step("--sampling-rate", rate) == 1
    refused(capsys.readouterr().err, "(parameter SamplingRate) must be from 1e-09 to 1e+15 Hz")
