"""The figures that the gate and the report read."""

from collections.abc import Iterable, Mapping
from typing import Any

from .account import RecordingAccount, Totals
from .errors import StepError
from .model import Model
from .momentfiles import RecordedMoments
from .moments import Moments
from .split import SPLITS

SCHEMA = 1


def content(
    model: Model, splits: Mapping[str, Moments | None], accounts: Iterable[RecordingAccount]
) -> dict[str, Any]:
    """Return metrics.json: what the model keeps, and what became of the rows.

    The explained variance of a split is trace(V S Vᵀ) / trace(S), with S its own covariance around
    its own mean, in the model's units; null where fewer than two rows or no variance are.
    """
    total = Totals()
    by_split = {name: Totals() for name in SPLITS}
    for account in accounts:
        total.add(account)
        by_split[account.split].add(account)
    by_lead = zip(model.leads, model.mean, model.deviation, model.explained_by_lead(), strict=True)
    return {
        "schema": SCHEMA,
        "explained_variance": float(model.ratio[: model.kept].sum()),
        "rejected_share": sum(total.rejected.values()) / total.read,
        "components": model.kept,
        "leads_count": len(model.leads),
        "rows": {
            "read": total.read,
            "written": total.written,
            "filled": total.filled,
            "rejected": dict(sorted(total.rejected.items())),
        },
        "splits": {
            name: {
                "recordings": part.recordings,
                "rows": part.written,
                "explained_variance": _explained(model, splits[name]),
            }
            for name, part in by_split.items()
        },
        "leads": {
            lead: {
                "mean": float(mean),
                "std": float(deviation),
                "filled": total.filled_by_lead[lead],
                "explained_variance": explained,
            }
            for lead, mean, deviation, explained in by_lead
        },
    }


def require_same_rows(
    recorded: Mapping[str, list[RecordedMoments]], accounts: Iterable[RecordingAccount]
) -> None:
    """Fail unless moments and account tell of the same rows.

    They come from the same run on the same instances: a file left from an earlier run, or one
    instance's output missing, would silently make another model.
    """
    counted = {
        (name, moments.recording): moments.moments.n
        for name, several in recorded.items()
        for moments in several
    }
    accounted: dict[tuple[str, str | None], int] = {
        (account.split, account.recording): account.written for account in accounts
    }
    for name, recording in sorted(counted.keys() | accounted.keys(), key=str):
        rows, written = counted.get((name, recording)), accounted.get((name, recording))
        if rows != written:
            raise StepError(
                f"recording {recording!r} in {name}: {rows or 'no'} rows in the moments, "
                f"{written or 'no'} in the account: give both from one run of Preprocess, "
                "from all its instances"
            )


def _explained(model: Model, moments: Moments | None) -> float | None:
    return None if moments is None else model.explained(moments)
