"""The model against scikit-learn's full SVD, and its own promises."""

import numpy as np
import pytest
from ecglib import model, moments
from ecglib.errors import StepError
from ecglib.model import Model, Options
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from step_helpers import ecg_like


def fit(values: np.ndarray, **options: object) -> Model:
    leads = tuple(f"l{number}" for number in range(values.shape[1]))
    found = moments.merged(moments.of(p.T.copy()) for p in np.array_split(values, 3))
    assert found is not None
    return model.fit(leads, found, Options(**{"n_components": "all", **options}))  # type: ignore[arg-type]


def agree(ours: Model, reference: PCA, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(ours.variance, reference.explained_variance_, rtol=tolerance)
    np.testing.assert_allclose(ours.ratio, reference.explained_variance_ratio_, rtol=tolerance)
    signs = np.sign((ours.axes * reference.components_).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(ours.axes, signs * reference.components_, atol=tolerance)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("leads", [1, 2, 12])
def test_agrees_with_scikit_learn(leads: int, offset: float) -> None:
    values = ecg_like(1, 900, leads) + offset
    # By columns numpy sums pairwise: by rows scikit-learn's own mean is off by 1e-8 at 1e6.
    reference = PCA(svd_solver="full").fit(np.asfortranarray(values))
    agree(fit(values), reference)
    ours = fit(values).project(values.T)
    theirs = reference.transform(values)
    signs = np.sign((ours.T * theirs).sum(axis=0))
    np.testing.assert_allclose(ours.T, signs * theirs, atol=1e-8 if offset else 1e-12)


def test_standardize_agrees_with_scaled_scikit_learn() -> None:
    values = ecg_like(2, 700, 4) * [1, 100, 1e-3, 5] + 1e3
    values = np.column_stack([values, np.full(700, 2.5)])
    scaled = StandardScaler().fit_transform(values) * np.sqrt(699 / 700)
    reference = PCA(svd_solver="full").fit(scaled)
    ours = fit(values, standardize=True)
    assert ours.scale[4] == 1
    np.testing.assert_allclose(ours.variance[:4], reference.explained_variance_[:4], rtol=1e-9)
    np.testing.assert_allclose(np.abs(ours.axes[:4]), np.abs(reference.components_[:4]), atol=1e-9)
    assert ours.explained_by_lead()[4] is None


def test_whitened_components_have_variance_one_and_null_ones_are_zero() -> None:
    values = ecg_like(3, 800, 3)
    values = np.column_stack([values, values[:, 0] + values[:, 1], np.full(800, 7.0)])
    ours = fit(values, whiten=True)
    assert ours.rank == 3
    assert (ours.variance[3:] == 0).all()
    scores = ours.project(values.T)
    np.testing.assert_allclose(scores[:3].var(axis=1, ddof=1), 1, rtol=1e-9)
    assert (scores[3:] == 0).all()


def test_rows_without_any_variance() -> None:
    ours = fit(np.full((50, 3), 0.1), n_components="0.9", whiten=True, standardize=True)
    assert (ours.rank, ours.kept) == (0, 1)
    assert ours.ratio.tolist() == [0, 0, 0]
    assert (ours.project(np.full((3, 4), 0.1)) == 0).all()
    assert ours.explained_by_lead() == [None] * 3


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), leads=st.integers(1, 6))
def test_largest_entry_of_each_component_is_positive(seed: int, leads: int) -> None:
    ours = fit(ecg_like(seed, 30, leads))
    at = np.abs(ours.axes).argmax(axis=1)
    assert (ours.axes[np.arange(leads), at] > 0).all()
    np.testing.assert_allclose(ours.axes @ ours.axes.T, np.eye(leads), atol=1e-12)


def test_a_tie_of_entries_goes_to_the_first() -> None:
    line = np.array([[1.0, -1.0], [-1.0, 1.0], [0.0, 0.0]])
    axis = fit(line).axes[0]
    assert axis[0] > 0 > axis[1]


@pytest.mark.parametrize("share", [0.3, 0.8, 0.95, 0.999999])
def test_a_share_keeps_as_many_as_scikit_learn(share: float) -> None:
    values = ecg_like(5, 500, 8)
    reference = PCA(share, svd_solver="full").fit(values)
    assert fit(values, n_components=str(share)).kept == reference.n_components_


@pytest.mark.parametrize(("text", "kept"), [("all", 4), ("1", 1), (" 4 ", 4), ("1e-9", 1)])
def test_number_of_components(text: str, kept: int) -> None:
    assert fit(ecg_like(1), n_components=text).kept == kept


@pytest.mark.parametrize("text", ["0", "-1", "1.0", "1.5", "x", "", "nan", "0.0"])
def test_bad_numbers_of_components_are_refused(text: str) -> None:
    with pytest.raises(StepError, match=r"NComponents\) must be 'all', a number"):
        fit(ecg_like(1), n_components=text)


def test_more_components_than_leads_are_refused() -> None:
    with pytest.raises(StepError, match=r"NComponents\): 5 is more than the 4 leads"):
        fit(ecg_like(1), n_components="5")


def test_explained_variance_of_other_rows() -> None:
    ours = fit(ecg_like(1, 500), n_components="2", standardize=True)
    other = ecg_like(2, 300) * [1, 2, 3, 4] + 5
    scaled = (other - other.mean(axis=0)) / ours.scale
    share = np.square(scaled @ ours.axes[:2].T).sum() / np.square(scaled).sum()
    assert ours.explained(moments.of(other.T.copy())) == pytest.approx(share, rel=1e-12)
    assert ours.explained(moments.of(other[:1].T.copy())) is None
    by_lead = ours.explained_by_lead()
    standard = (ecg_like(1, 500) - ours.mean) / ours.scale
    rebuilt = standard @ ours.axes[:2].T @ ours.axes[:2]
    np.testing.assert_allclose(by_lead, rebuilt.var(axis=0) / standard.var(axis=0), rtol=1e-9)


def test_a_row_projects_to_the_same_bits_wherever_it_stands() -> None:
    values = ecg_like(6, 70000, 12).T.copy()
    ours = fit(values.T)
    whole = ours.project(values)
    for start, end in ((0, 1), (1, 70000), (65530, 65541), (33, 40033)):
        assert (ours.project(values[:, start:end]) == whole[:, start:end]).all()


def test_leads_in_much_smaller_units_are_kept() -> None:
    # 1e-8 in standard deviation is 1e-16 in variance: less than eps of the largest, and real.
    values = ecg_like(3, 500, 4) * np.array([1.0, 1.0, 1e-8, 1e-8])
    ours = fit(values)
    reference = PCA(svd_solver="full").fit(values)
    assert ours.rank == 4
    np.testing.assert_allclose(ours.variance, reference.explained_variance_, rtol=1e-6)
