"""The PCA model: fitted from moments, applied to rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .arguments import named
from .columns import Floats, Mask
from .errors import StepError
from .moments import Moments

SCHEMA = 1

_CONSTANT = 16 * np.finfo(np.float64).eps  # of a lead's mean: a spread that rounding alone makes
_LARGEST, _SMALLEST = 1e300, 1e-270
"""Between these the largest variance must be, so that all of them, and their sum, are exact: what
is 0 beside it is 1e-32 of it."""

_NARROWEST = 1e-304
"""A standard deviation to divide by: less has a reciprocal that is next to infinite."""

_FAR = 1e306
"""What the distance of a row from the mean may not reach, in the units of the components."""

_TILE = 192  # a multiple of the columns that any BLAS kernel takes at a time
_PIECE = 1 << 15  # values projected at a time: what stays in the cache, and in reused memory


@dataclass(frozen=True)
class Options:
    """What the user asked for: `n_components` is "all", a number, or a share of the variance."""

    n_components: str = "0.95"
    standardize: bool = False
    whiten: bool = False


@dataclass(frozen=True)
class Model:
    """Principal components of L leads, of which k are kept.

    Attributes:
        leads: L names.
        n: rows it was fitted on.
        mean: [L], to be added to
        mean_low: [L] what `mean` lost in rounding.
        scale: [L] what centred leads are divided by: 1, or standard deviations.
        deviation: [L] standard deviations of the leads.
        axes: [L, L] all unit components, a row each, by falling variance. The largest absolute
            entry of each is positive; of equal ones, the first is.
        variance: [L] variance along each; exactly 0 where it is rounding (below
            L * 2.2e-16 of the largest).
        kept: k.
        options: what was asked for.
    """

    leads: tuple[str, ...]
    n: int
    mean: Floats
    mean_low: Floats
    scale: Floats
    deviation: Floats
    axes: Floats
    variance: Floats
    kept: int
    options: Options

    @property
    def rank(self) -> int:
        """Number of directions with any variance."""
        return int((self.variance > 0).sum())

    @property
    def ratio(self) -> Floats:
        """[L] share of each direction in the whole variance; zeros if there is none."""
        total = self.variance.sum()
        return self.variance / total if total else np.zeros_like(self.variance)

    def require_range(self, moments: Moments, source: str) -> None:
        """Refuse rows of which a component could be too large for float64.

        Raises:
            StepError: a lead's values are that far from the model's.
        """
        with np.errstate(over="ignore"):
            distance = (moments.reach + np.abs(self.mean)) / self.scale
            if self.options.whiten and self.rank:
                distance = distance / np.sqrt(self.variance[self.variance > 0].min())
        far = np.flatnonzero(~(distance < _FAR))
        if len(far):
            raise StepError(
                f"{source}: lead {self.leads[far[0]]!r} has values that are too large for this "
                "model's components: leave the lead or the recording out, or rescale it"
            )

    def project(self, values: Floats) -> Floats:
        """Return the [k, n] components of [L, n] rows.

        With `whiten` each has variance 1 over the rows of the fit; one without variance is 0.
        A row gives the same bits whatever rows are beside it, so components don't depend
        on how rows are spread over parts and instances.
        """
        matrix = self.axes[: self.kept] / self.scale
        if self.options.whiten:
            variance = self.variance[: self.kept]
            safe = np.where(variance > 0, variance, 1.0)
            matrix = matrix * np.where(variance > 0, 1 / np.sqrt(safe), 0.0)[:, np.newaxis]
        offset = (matrix @ self.mean_low)[:, np.newaxis]
        out = np.empty((self.kept, values.shape[1]))
        rows = max(1, _PIECE // len(values) // _TILE) * _TILE
        for start in range(0, values.shape[1], rows):
            piece = values[:, start : start + rows]
            n = piece.shape[1]
            # BLAS rounds otherwise in the odd columns at the end, so there are none.
            centred = np.zeros((len(piece), -(-n // _TILE) * _TILE))
            np.subtract(piece, self.mean[:, np.newaxis], out=centred[:, :n])
            np.subtract((matrix @ centred)[:, :n], offset, out=out[:, start : start + n])
        return out

    def explained(self, moments: Moments) -> float | None:
        """Return the share of other rows' variance, around their own mean, that is kept."""
        factor, _ = _in_unit_range(moments.factor / self.scale)
        total = float(np.square(factor).sum())
        if moments.n < 2 or not total:
            return None
        return float(np.square(factor @ self.axes[: self.kept].T).sum()) / total

    def explained_by_lead(self) -> list[float | None]:
        """Return the [L] shares of each lead's variance that is kept; None for a constant lead."""
        parts = self.variance[:, np.newaxis] * np.square(self.axes)
        kept, total = parts[: self.kept].sum(axis=0), parts.sum(axis=0)
        return [float(k / t) if t else None for k, t in zip(kept, total, strict=True)]

    def content(self) -> dict[str, Any]:
        """Return the model as plain JSON values."""
        k = self.kept
        return {
            "schema": SCHEMA,
            "leads": list(self.leads),
            "n": self.n,
            "mean": self.mean.tolist(),
            "mean_low": self.mean_low.tolist(),
            "scale": self.scale.tolist(),
            "components": self.axes[:k].tolist(),
            "explained_variance": self.variance[:k].tolist(),
            "explained_variance_ratio": self.ratio[:k].tolist(),
            "explained_variance_all": self.variance.tolist(),
            "rank": self.rank,
            "n_components": k,
            "standardize": self.options.standardize,
            "whiten": self.options.whiten,
        }


def fit(leads: tuple[str, ...], moments: Moments, options: Options, source: str = "rows") -> Model:
    """Fit the components of rows with these moments, n at least 2.

    The singular values of the moments' factor are those of the centred rows, so this is what an
    SVD of all the rows gives. Signs: see `Model.axes`. What is squared has been scaled by a power
    of two before, which is exact, so that nothing overflows, and what underflows is below rounding.

    Args:
        leads: L names.
        moments: of L leads.
        options: what was asked for.
        source: the rows, in errors.

    Raises:
        StepError: --n-components is not a number of components, a share, or "all"; or a lead's
            variance is beyond float64.
    """
    if not np.isfinite(moments.reach).all():
        raise StepError(f"{source}: values too large to add up: rescale the leads")
    columns, exponents = _in_unit_range(moments.factor, axis=0)
    deviation = np.ldexp(np.sqrt(np.square(columns).sum(axis=0) / (moments.n - 1)), exponents)
    scale = np.ones(len(leads))
    factor = moments.factor
    if options.standardize:
        varies = deviation > _CONSTANT * np.abs(moments.mean)
        _require(~varies | (deviation >= _NARROWEST), deviation, leads, source, "rescale it")
        scale = np.where(varies, deviation, 1.0)
        # Rounding of a constant lead is nothing beside a standard deviation of 1, unless the
        # lead is huge.
        noise = ~varies & (deviation > np.finfo(np.float64).eps)
        factor = np.where(noise, 0.0, factor)
    scaled, exponent = _in_unit_range(factor / scale)
    _, singular, axes = np.linalg.svd(scaled)
    with np.errstate(over="ignore", under="ignore"):
        variance = np.ldexp(np.square(singular) / (moments.n - 1), 2 * exponent)
    if singular[0] and not _SMALLEST < variance[0] < _LARGEST:
        advice = "rescale it" if options.standardize else "rescale it, or set --standardize true"
        _require(deviation < deviation.max(), deviation, leads, source, advice)
    # The factor is good to eps in standard deviations, so variances down to eps squared are real
    # (leads in other units, say); numpy.linalg.matrix_rank draws the line in the same place.
    null = singular <= singular[0] * len(leads) * np.finfo(np.float64).eps
    variance = np.where(null, 0.0, variance)
    largest = np.abs(axes).argmax(axis=1)
    signs = np.where(axes[np.arange(len(axes)), largest] < 0, -1.0, 1.0)
    return Model(
        leads=leads,
        n=moments.n,
        mean=moments.mean,
        mean_low=moments.mean_low,
        scale=scale,
        deviation=deviation,
        axes=axes * signs[:, np.newaxis],
        variance=variance,
        kept=_kept(options.n_components, variance),
        options=options,
    )


def _in_unit_range(matrix: Floats, axis: int | None = None) -> tuple[Floats, Any]:
    """Return a matrix, or each of its columns, over the power of two that makes it about 1."""
    _, exponent = np.frexp(np.abs(matrix).max(axis=axis))
    return np.ldexp(matrix, -exponent), exponent


def _require(
    good: Mask, deviation: Floats, leads: tuple[str, ...], source: str, advice: str
) -> None:
    if not good.all():
        lead = int(np.flatnonzero(~good)[0])
        raise StepError(
            f"{source}: lead {leads[lead]!r} has a standard deviation of {deviation[lead]:.3g}, "
            f"too {'large' if deviation[lead] > 1 else 'small'} for a variance in float64: {advice}"
        )


def _kept(text: str, variance: Floats) -> int:
    """Return the number of components asked for: "all", a whole number, or a share in (0, 1)."""
    leads = len(variance)
    if text.strip() == "all":
        return leads
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if 0 < number < 1:
        # The smallest number whose variance exceeds the share, as in scikit-learn.
        total = variance.sum()
        if not total:
            return 1
        return min(1 + int(np.searchsorted(np.cumsum(variance / total), number, "right")), leads)
    if not text.strip().isdecimal() or number < 1:
        raise StepError(
            f"{named('--n-components')} must be 'all', a number of components from 1, or a share "
            f"of the variance between 0 and 1 such as 0.95, not {text!r}"
        )
    if number > leads:
        raise StepError(
            f"{named('--n-components')}: {text} is more than the {leads} leads there are"
        )
    return int(number)
