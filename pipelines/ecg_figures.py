"""What an execution of `ecg-pca` tells in figures: rows by step, explained variance, rejections."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sagepipe.local.record import ExecutionResult
from sagepipe.local.store import Store
from sagepipe.report.figures import Figures, texts
from steps import pca, preprocess, spark_transform


def find(result: ExecutionResult, store: Store) -> Figures:
    """Read the accounts, metrics and receipts that the steps write."""
    accounts = [
        json.loads(line)
        for text in texts(result.steps.get(preprocess.NAME), "account", store)
        for line in text.split("\n")
        if line
    ]
    recordings = [line for line in accounts if line["kind"] == "recording"]
    metrics: dict[str, Any] = next(
        map(json.loads, texts(result.steps.get(pca.NAME), "metrics", store)), {}
    )
    receipts = texts(result.steps.get(spark_transform.NAME), "features", store, "_receipt")
    rows = {}
    if recordings:
        rows[preprocess.NAME] = sum(line["written"] for line in recordings)
    if metrics:
        rows[pca.NAME] = sum(split["rows"] for split in metrics["splits"].values())
    for receipt in map(json.loads, receipts):
        rows[spark_transform.NAME] = sum(receipt["rows"].values())
    lines = [_variance(metrics)] if metrics else []
    if cleaning := _cleaning(recordings):
        lines.append(cleaning)
    return Figures(rows, tuple(lines), metrics)


def _variance(metrics: Mapping[str, Any]) -> str:
    splits = ", ".join(
        f"{name} {split['explained_variance']:.4f}"
        for name, split in metrics["splits"].items()
        if split["explained_variance"] is not None
    )
    return (
        f"explained variance {metrics['explained_variance']:.4f} with "
        f"{metrics['components']} of {metrics['leads_count']} components ({splits})"
    )


def _cleaning(recordings: list[dict[str, Any]]) -> str:
    filled = sum(line["filled"] for line in recordings)
    rejected: Counter[str] = Counter()
    for line in recordings:
        rejected.update(line["rejected"])
    if not filled and not rejected:
        return ""
    reasons = ", ".join(f"{count:,} {why}" for why, count in sorted(rejected.items()))
    return f"{filled:,} cells filled; rows rejected: {reasons or 'none'}"
