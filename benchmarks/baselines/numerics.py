"""Errors of four ways to a PCA on hard data, against 80-bit arithmetic; prints them as JSON.

The reference centres the rows, factors them (Householder) and takes the singular values by
one-sided Jacobi rotations, all in long double (64-bit mantissa): it gets small ones as well as
large ones (Demmel and Veselić, 1992).
"""

import json
import sys

import numpy as np
from ecglib import model, moments
from sklearn.decomposition import PCA

ROWS = 20_000
_SWEEPS = 40
_GAP = 0.01


def cases(rows):
    """Return the hard data by name, [L, rows] each."""
    generator = np.random.default_rng(0)
    mixture = generator.normal(size=(12, 12)) / 3
    plain = mixture @ generator.normal(size=(12, rows))
    unit = plain / plain.std(axis=1, keepdims=True)
    scaled = unit.copy()
    scaled[6:] *= 1e-8
    constant = unit.copy()
    constant[[2, 7]] = np.array([[0.1], [1e6]])
    sources = generator.normal(size=(64, 4)) @ generator.normal(size=(4, rows))
    collinear = sources + 1e-5 * generator.normal(size=(64, rows))
    return {
        "mean 0, standard deviation 1": unit,
        "mean 1e6, standard deviation 1": unit + 1e6,
        "mean 1e6, standard deviation 1e-3": unit * 1e-3 + 1e6,
        "all leads scaled by 1e-8": unit * 1e-8,
        "half of the leads scaled by 1e-8": scaled,
        "2 of 12 leads constant": constant,
        "64 nearly collinear leads (1e-5 apart)": collinear,
    }


def reference(values):
    """Return the [L] variances, falling, and [L, L] axes of [L, n] values, in long double."""
    if np.finfo(np.longdouble).nmant < 63:
        raise SystemExit("the reference needs an 80-bit long double, as x86 processors have")
    exact = values.astype(np.longdouble)
    exact = exact - exact.mean(axis=1, keepdims=True)
    exact = exact - exact.mean(axis=1, keepdims=True)
    leads, n = exact.shape
    rows = _triangle(exact.T.copy())
    axes = np.eye(leads, dtype=np.longdouble)
    eps = np.finfo(np.longdouble).eps
    for _ in range(_SWEEPS):
        rotated = False
        for p in range(leads - 1):
            for q in range(p + 1, leads):
                a, b, c = rows[:, p] @ rows[:, p], rows[:, q] @ rows[:, q], rows[:, p] @ rows[:, q]
                if c == 0 or c * c <= eps * eps * a * b:
                    continue
                rotated = True
                zeta = (b - a) / (2 * c)
                sign = 1 if zeta >= 0 else -1
                tangent = sign / (abs(zeta) + np.sqrt(1 + zeta * zeta))
                cosine = 1 / np.sqrt(1 + tangent * tangent)
                for matrix in (rows, axes):
                    one, two = matrix[:, p].copy(), matrix[:, q].copy()
                    matrix[:, p] = cosine * (one - tangent * two)
                    matrix[:, q] = cosine * (two + tangent * one)
        if not rotated:
            break
    squares = (rows * rows).sum(axis=0)
    order = np.argsort(-squares)
    return squares[order] / (n - 1), axes.T[order]


def _triangle(rows):
    leads = rows.shape[1]
    for column in range(leads):
        below = rows[column:, column]
        norm = np.sqrt(below @ below)
        if norm == 0:
            continue
        reflector = below.copy()
        reflector[0] += norm if below[0] >= 0 else -norm
        reflector /= np.sqrt(reflector @ reflector)
        part = rows[column:, column:]
        part -= 2 * np.outer(reflector, reflector @ part)
    return np.triu(rows[:leads])


def ours(values):
    """Preprocess's moments and Pca's fit."""
    accumulator = moments.Accumulator(len(values))
    accumulator.add(values)
    names = tuple(map(str, range(len(values))))
    fitted = model.fit(names, accumulator.result(), model.Options("all"))
    return fitted.variance, fitted.axes


def sharded(values):
    """The same, merged from 8 shards."""
    merger = moments.Merger()
    for shard in np.array_split(values, 8, axis=1):
        accumulator = moments.Accumulator(len(values))
        accumulator.add(shard)
        merger.add(accumulator.result())
    names = tuple(map(str, range(len(values))))
    fitted = model.fit(names, merger.result(), model.Options("all"))
    return fitted.variance, fitted.axes


def library(solver):
    """scikit-learn's PCA with a solver."""

    def fit(values):
        fitted = PCA(svd_solver=solver).fit(values.T)
        return fitted.explained_variance_, fitted.components_

    return fit


def gram(values):
    """The textbook formula: sum of products minus n times the product of means."""
    n = values.shape[1]
    mean = values.mean(axis=1)
    covariance = (values @ values.T - n * np.outer(mean, mean)) / (n - 1)
    variance, axes = np.linalg.eigh(covariance)
    return variance[::-1], axes.T[::-1]


WAYS = {
    "ours": ours,
    "ours, 8 shards": sharded,
    "scikit-learn, default": library("auto"),
    "scikit-learn, full": library("full"),
    "naive Gram matrix": gram,
}


def errors(found, expected):
    """Return the largest relative error of a variance, and the largest angle of an axis.

    Variances that are rounding in the reference itself (1e-30 of the largest) don't count; neither
    do axes whose variance has a neighbour within 1 %, as no data defines those.
    """
    variance, axes = found
    exact, directions = expected
    real = exact > exact[0] * 1e-30
    relative = np.abs(variance.astype(np.longdouble) - exact)[real] / exact[real]
    apart = np.abs(np.diff(exact)) > _GAP * exact[:-1]
    clear = real & np.append(True, apart) & np.append(apart, True)
    signs = np.sign((axes * directions).sum(axis=1))[:, np.newaxis]
    signs[signs == 0] = 1
    angles = np.sqrt(np.square(signs * axes - directions).sum(axis=1))[clear]
    return {"variance": float(relative.max()), "angle": float(angles.max())}


def main(rows):
    """Print the errors by case and way."""
    found = {}
    for name, values in cases(int(rows)).items():
        expected = reference(values)
        found[name] = {way: errors(fit(values), expected) for way, fit in WAYS.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
