"""The windows by Polars: crossings by `shift`, rows to steps, steps to windows of two."""

import os
import sys
from collections.abc import Callable

import polars as pl


def main(source: str, target: str, step: str) -> None:
    """Write the features of windows of twice a step, which is in whole microseconds."""
    rows = pl.scan_parquet(f"{source}/*/*.parquet", hive_partitioning=True)
    names = [name for name in rows.collect_schema().names() if name.startswith("pc")]
    key = ["split", "recording"]

    def each(*terms: Callable[[str], pl.Expr]) -> list[pl.Expr]:
        return [term(name) for name in names for term in terms]

    def squares(name: str) -> pl.Expr:
        return pl.col(f"{name}_squares") + pl.col("n") * pl.col(f"{name}_mean") ** 2

    def mean(name: str) -> pl.Expr:
        return (pl.col("n") * pl.col(f"{name}_mean")).sum() / pl.col("n").sum()

    def positive(name: str) -> pl.Expr:
        return pl.col(name) >= 0

    signed = rows.sort(*key, "sample").with_columns(
        ((pl.col("time") * 1e6).round().cast(pl.Int64) // int(step)).alias("step"),
        *each(lambda c: (positive(c) != positive(c).shift().over(key)).alias(f"{c}_crossing")),
    )
    steps = signed.group_by(*key, "step").agg(
        pl.len().cast(pl.Int64).alias("n"),
        *each(
            lambda c: pl.col(c).mean().alias(f"{c}_mean"),
            lambda c: (pl.col(c).var(ddof=0) * pl.len()).alias(f"{c}_squares"),
            lambda c: pl.col(c).min().alias(f"{c}_min"),
            lambda c: pl.col(c).max().alias(f"{c}_max"),
            lambda c: pl.col(f"{c}_crossing").sum().cast(pl.Int64).alias(f"{c}_crossings"),
            lambda c: pl.col(f"{c}_crossing").first().fill_null(False).alias(f"{c}_edge"),
        ),
    )
    shares = [steps.with_columns(window=pl.col("step") - one, before=one) for one in (0, 1)]
    windows = pl.concat(shares).filter(pl.col("window") >= 0).group_by(*key, "window")
    first = pl.col("before") == 0
    windows.agg(
        pl.col("n").sum(),
        *each(
            lambda c: mean(c).alias(f"{c}_mean"),
            lambda c: (
                (squares(c).sum() / pl.col("n").sum() - mean(c) ** 2)
                .clip(0)
                .sqrt()
                .alias(f"{c}_std")
            ),
            lambda c: pl.col(f"{c}_min").min(),
            lambda c: pl.col(f"{c}_max").max(),
            lambda c: squares(c).sum().alias(f"{c}_energy"),
            lambda c: (
                (pl.col(f"{c}_crossings") - (pl.col(f"{c}_edge") & first).cast(pl.Int64))
                .sum()
                .alias(f"{c}_zero_crossings")
            ),
        ),
    ).collect().write_parquet(f"{target}/features.parquet")


if __name__ == "__main__":
    os.makedirs(sys.argv[2], exist_ok=True)
    main(*sys.argv[1:])
