"""The windows by DuckDB: crossings by `lag`, rows to steps, steps to windows of two."""

import os
import sys

import duckdb


def main(source: str, target: str, step: str, threads: str) -> None:
    """Write the features of windows of twice a step, which is in whole microseconds."""
    database = duckdb.connect(config={"threads": threads})
    rows = f"read_parquet('{source}/*/*.parquet', hive_partitioning = true)"
    columns = [row[0] for row in database.execute(f"describe select * from {rows}").fetchall()]
    names = [name for name in columns if name.startswith("pc")]

    def each(*terms: str) -> str:
        return ", ".join(term.format(c=name) for name in names for term in terms)

    crossings = each("coalesce(({c} >= 0) <> lag({c} >= 0) over recordings, false) as {c}_crossing")
    of_steps = each(
        "avg({c}) as {c}_mean",
        "var_pop({c}) * count(*) as {c}_squares",
        "min({c}) as {c}_min",
        "max({c}) as {c}_max",
        "count_if({c}_crossing) as {c}_crossings",
        "arg_min({c}_crossing, sample)::int as {c}_edge",
    )
    of_windows = each(
        "sum(n * {c}_mean) / sum(n) as {c}_mean",
        "sqrt(greatest(sum({c}_squares + n * {c}_mean * {c}_mean) / sum(n)"
        " - (sum(n * {c}_mean) / sum(n)) ** 2, 0)) as {c}_std",
        "min({c}_min) as {c}_min",
        "max({c}_max) as {c}_max",
        "sum({c}_squares + n * {c}_mean * {c}_mean) as {c}_energy",
        "sum({c}_crossings - case before when 0 then {c}_edge else 0 end) as {c}_zero_crossings",
    )
    database.execute(
        f"""
        copy (
            with signed as (
                select *, round(time * 1e6)::bigint // {step} as step, {crossings} from {rows}
                window recordings as (partition by split, recording order by sample)
            ), steps as (
                select split, recording, step, count(*) as n, {of_steps}
                from signed group by split, recording, step
            )
            select split, recording, step - before as window, sum(n)::bigint as n, {of_windows}
            from steps, (values (0), (1)) as shares(before)
            where step >= before group by split, recording, step - before
        ) to '{target}/features.parquet'
        """
    )


if __name__ == "__main__":
    os.makedirs(sys.argv[2], exist_ok=True)
    main(*sys.argv[1:])
