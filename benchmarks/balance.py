"""How evenly sharding spreads bytes: raw recordings by whole files, and Preprocess's parts.

ShardedByS3Key gives every instance the same number of objects, give or take one. The slowest
instance takes max/mean times as long as it would with even shares, and the others are paid for
while they wait.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.bench import MB, Bench
from benchmarks.results import Result, Table, Target

INSTANCES = 8
SIGMA = 1.0
MEAN = 60 * MB
DRAWS = 200
SHARES = (0.8, 0.1, 0.1)
ROWS_PER_PART = 50_000
ROW_BYTES = 36.0  # of raw CSV with 4 leads


def spread_of(sizes: Sequence[float], instances: int) -> list[float]:
    """Bytes of each instance when object i goes to instance i modulo their number."""
    return [float(sum(sizes[index::instances])) for index in range(instances)]


def unevenness(shares: Sequence[float]) -> float:
    """max/mean."""
    return max(shares) / statistics.fmean(shares)


def parts(
    sizes: Sequence[float], preprocess_instances: int, generator: np.random.Generator
) -> list[list[float]]:
    """Sizes of Preprocess's parts, in rows, for each split: all full but each host's last."""
    split = generator.choice(len(SHARES), size=len(sizes), p=SHARES)
    rows = np.asarray(sizes) / ROW_BYTES
    found = []
    for number in range(len(SHARES)):
        mine: list[float] = []
        for host in range(preprocess_instances):
            chosen = np.arange(len(sizes)) % preprocess_instances == host
            total = int(rows[chosen & (split == number)].sum())
            full, rest = divmod(total, ROWS_PER_PART)
            mine += [float(ROWS_PER_PART)] * full + [float(rest)] * bool(rest)
        found.append(mine)
    return found


def of_parts(by_split: Sequence[Sequence[float]], instances: int) -> list[float]:
    """Rows of each instance: each split is an input of its own, and sharded by itself."""
    shares = [spread_of(sizes, instances) for sizes in by_split]
    return [sum(share) for share in zip(*shares, strict=True)]


def simulate(
    recordings: int, mean: float, instances: int, draws: int, preprocess_instances: int = 2
) -> dict[str, list[float]]:
    """max/mean of raw recordings and of parts, over draws of lognormal sizes."""
    found: dict[str, list[float]] = {"raw": [], "parts": []}
    for seed in range(draws):
        sizes = data.lognormal(recordings, mean, SIGMA, seed)
        found["raw"].append(unevenness(spread_of(sizes, instances)))
        made = parts(sizes, preprocess_instances, np.random.default_rng([seed, 1]))
        found["parts"].append(unevenness(of_parts(made, instances)))
    return found


def run(bench: Bench) -> Result:
    """Simulate 100 and 1000 recordings of 60 MB on average, and check the arithmetic for real."""
    rows: list[list[str]] = []
    figures: dict[str, float] = {}
    for count in (100, 1000):
        found = simulate(count, MEAN, INSTANCES, 4 if bench.quick else DRAWS)
        for kind, what in (("raw", "recordings, whole"), ("parts", "our parts")):
            mean, high = statistics.fmean(found[kind]), _high(found[kind])
            rows.append([str(count), what, f"{mean:.3f}", f"{high:.3f}"])
            figures[f"{kind}_{count}_mean"], figures[f"{kind}_{count}_p95"] = mean, high
    real, expected = _real(bench)
    figures["real"] = real
    note = (
        "max/mean is also how much longer the slowest instance takes than with even shares. "
        f"Measured on 100 real recordings a hundredth as large, cut into parts of "
        f"{ROWS_PER_PART // 100} rows: {real:.3f} in bytes of Parquet on disk, "
        f"where the simulation says {expected:.3f}."
    )
    return Result(
        [
            Target(
                "max/mean bytes per instance, 100 recordings",
                figures["parts_100_p95"],
                "<=",
                1.05,
                "",
            ),
            Target(
                "max/mean bytes per instance, 1000 recordings",
                figures["parts_1000_p95"],
                "<=",
                1.05,
                "",
            ),
            Target("max/mean bytes per instance, measured", real, "<=", 1.05, ""),
        ],
        [
            Table(
                f"max/mean over {INSTANCES} instances, sizes lognormal (sigma 1, mean 60 MB)",
                ("recordings", "shards of", "mean", "95th percentile"),
                rows,
                note,
            )
        ],
        figures,
    )


def _high(values: Sequence[float]) -> float:
    return float(np.quantile(values, 0.95))


def _real(bench: Bench) -> tuple[float, float]:
    """Run two instances of Preprocess on recordings 100 times smaller; shard what they write."""
    sizes = data.lognormal(100, MEAN / 100, SIGMA, 0)
    recordings = data.sized(bench.folder / "recordings" / "lognormal", 4, sizes)
    folder = bench.scratch("balance")
    hosts = ["algo-1", "algo-2"]
    for index, host in enumerate(hosts):
        data.link(recordings.files[index::2], folder / host)
        options = ("--split", "0.8,0.1,0.1", "--rows-per-part", str(ROWS_PER_PART // 100))
        command = bench.preprocess(folder / host, folder / "out", *options)
        bench.run([*command, *bench.as_host(host, hosts)])
    on_disk = [_sizes(folder / "out" / name) for name in ("train", "validation", "test")]
    actual = [path.stat().st_size for path in recordings.files]
    made = parts([100.0 * size for size in actual], 2, np.random.default_rng(1))
    return unevenness(of_parts(on_disk, INSTANCES)), unevenness(of_parts(made, INSTANCES))


def _sizes(folder: Path) -> list[float]:
    return [float(path.stat().st_size) for path in sorted(folder.glob("*.parquet"))]
