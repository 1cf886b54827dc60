"""Moments against exact rational arithmetic: accuracy, merging, order, batches."""

from fractions import Fraction

import numpy as np
import pytest
from ecglib import moments
from ecglib.moments import Accumulator, Merger, Moments, merged
from hypothesis import given, settings
from hypothesis import strategies as st
from step_helpers import ecg_like, exact


def close(found: Moments, values: np.ndarray, tolerance: float = 1e-13) -> None:
    means, comoment = exact(values)
    spread = [float(comoment[i][i]) ** 0.5 or 1.0 for i in range(len(means))]
    for i, mean in enumerate(means):
        error = Fraction(found.mean[i]) + Fraction(found.mean_low[i]) - mean
        assert abs(error) <= tolerance * spread[i] / len(values) ** 0.5 + 1e-300
    product = found.factor.T @ found.factor
    for i in range(len(means)):
        for j in range(len(means)):
            assert abs(product[i, j] - float(comoment[i][j])) <= tolerance * spread[i] * spread[j]
    assert found.n == len(values)
    assert not np.tril(found.factor, -1).any()


@pytest.mark.parametrize("offset", [0.0, 1000.0, 1e6])
@pytest.mark.parametrize("n", [1, 2, 3, 511, 512, 513, 2000])
def test_one_batch_is_exact_to_rounding(n: int, offset: float) -> None:
    values = ecg_like(1, n, 3) + offset
    close(moments.of(np.ascontiguousarray(values.T)), values)


def test_mean_is_kept_beyond_float64() -> None:
    values = ecg_like(2, 700, 2) + 1e6
    found = moments.of(np.ascontiguousarray(values.T))
    means, _ = exact(values)
    single = max(abs(float(Fraction(m) - e)) for m, e in zip(found.mean, means, strict=True))
    double = max(
        abs(float(Fraction(m) + Fraction(low) - e))
        for m, low, e in zip(found.mean, found.mean_low, means, strict=True)
    )
    assert double < 1e-15 < single


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=9),
    offset=st.sampled_from([0.0, 1e6, -1e6]),
    seed=st.integers(0, 99),
)
def test_merged_pieces_are_the_whole(sizes: list[int], offset: float, seed: int) -> None:
    values = ecg_like(seed, sum(sizes), 3) + offset
    pieces = np.split(values, np.cumsum(sizes)[:-1])
    found = merged(moments.of(np.ascontiguousarray(piece.T)) for piece in pieces)
    assert found is not None
    close(found, values)


@settings(max_examples=25, deadline=None)
@given(
    order=st.permutations(range(6)),
    cut=st.integers(1, 5),
    offset=st.sampled_from([0.0, 1e6]),
)
def test_any_order_and_grouping_agree(order: list[int], cut: int, offset: float) -> None:
    pieces = [moments.of((ecg_like(seed, 30, 3) + offset + seed).T.copy()) for seed in range(6)]
    straight = merged(pieces)
    grouped = merged(
        merged(pieces[i] for i in some)
        for some in (order[:cut], order[cut:])  # type: ignore[misc]
    )
    assert straight is not None
    assert grouped is not None
    scale = np.abs(straight.factor).max()
    a, b = (m.factor.T @ m.factor for m in (straight, grouped))
    assert np.abs(a - b).max() <= 1e-14 * scale**2
    difference = (straight.mean - grouped.mean) + (straight.mean_low - grouped.mean_low)
    assert np.abs(difference).max() <= 1e-15 * scale


def test_small_directions_survive_merging_with_an_offset() -> None:
    # Two leads that differ by 1e-4 of their size on a baseline of 1e6 and different in each piece:
    # the co-moment matrix in float64 would know the small direction to 1e-8 only.
    generator = np.random.default_rng(5)
    signal = generator.normal(size=4000)
    small = 1e-4 * generator.normal(size=4000)
    values = np.column_stack([signal, signal + small]) + 1e6
    found = merged(moments.of(np.ascontiguousarray(p.T)) for p in np.split(values, 8))
    assert found is not None
    _, ((a, b), (_, d)) = exact(values)
    trace, determinant = a + d, a * d - b * b
    smallest = determinant / trace * (1 + determinant / trace**2)
    value = np.linalg.svd(found.factor, compute_uv=False)[-1] ** 2
    assert abs(value / float(smallest) - 1) < 1e-11


def test_dependent_and_constant_leads_stay_finite() -> None:
    values = ecg_like(3, 1000, 2)
    values = np.column_stack([values, values.sum(axis=1), np.full(1000, 1e6 + 0.1)])
    found = moments.of(np.ascontiguousarray(values.T))
    singular = np.linalg.svd(found.factor, compute_uv=False)
    assert (singular[2:] < 1e-13 * singular[0]).all()


@pytest.mark.parametrize(
    "sizes", [[40000], [1] * 50 + [39950], [16384, 16384, 7232], [9999, 30001]]
)
def test_pieces_of_any_length_give_the_same_bits(sizes: list[int]) -> None:
    values = np.ascontiguousarray(ecg_like(4, 40000, 3).T)
    accumulators = Accumulator(3), Accumulator(3)
    accumulators[0].add(values)
    for piece in np.split(values, np.cumsum(sizes)[:-1], axis=1):
        accumulators[1].add(piece)
    one, other = (accumulator.result() for accumulator in accumulators)
    assert one.n == other.n == 40000
    for name in ("mean", "mean_low", "factor"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


def test_no_rows_leave_no_trace() -> None:
    some = moments.of(ecg_like(1, 10, 2).T.copy())
    assert merged([moments.empty(2), some, moments.empty(2)]) is some
    assert merged([moments.empty(2)]) is None
    assert moments.merge(moments.empty(2), some) is some
    assert Merger().result() is None
    assert Accumulator(2).result().n == 0


def test_more_leads_than_rows_in_a_panel() -> None:
    values = ecg_like(1, 700, 600)
    found = moments.of(np.ascontiguousarray(values.T))
    centred = values - values.mean(axis=0)
    assert np.allclose(found.factor.T @ found.factor, centred.T @ centred, rtol=0, atol=1e-9)
