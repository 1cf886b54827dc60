"""What the tests of the step scripts share: making recordings, running steps, reading outputs."""

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pca
import preprocess
import pyarrow as pa
import pyarrow.parquet as pq

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SPLITS = ("train", "validation", "test")
Floats = npt.NDArray[np.float64]


def write_recording(
    path: Path, values: Floats, leads: Sequence[str] | None = None, rate: float = 100.0
) -> Path:
    """Write [n, L] values as a recording, exactly (repr)."""
    leads = leads or [f"l{number}" for number in range(values.shape[1])]
    lines = [",".join(["time", *leads])]
    lines += [
        ",".join([repr(row / rate), *map(repr, cells)]) for row, cells in enumerate(values.tolist())
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def ecg_like(seed: int, n: int = 400, leads: int = 4) -> Floats:
    """Return [n, leads] correlated noise, the same for the same seed."""
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(7).normal(size=(leads, leads))
    return np.round(generator.normal(size=(n, leads)) @ mixing, 4)


def exact(values: Floats) -> tuple[list[Fraction], list[list[Fraction]]]:
    """Mean and co-moments of [n, L] values as fractions: no rounding at all."""
    columns = [[Fraction(value) for value in column] for column in values.T.tolist()]
    n = len(values)
    means = [sum(column, Fraction()) / n for column in columns]
    centred = [[v - m for v in c] for c, m in zip(columns, means, strict=True)]
    return means, [
        [sum((x * y for x, y in zip(a, b, strict=True)), Fraction()) for b in centred]
        for a in centred
    ]


def read_part(path: Path) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = pq.read_table(path, partitioning=None).to_pydict()
    return columns


def tables(folder: Path) -> pa.Table:
    """Return all the Parquet files of a folder as one table, in order of their names."""
    found = [pq.read_table(path, partitioning=None) for path in sorted(folder.glob("*.parquet"))]
    return pa.concat_tables([table for table in found if table.num_rows] or found[:1])


def matrix(table: pa.Table, names: Sequence[str]) -> Floats:
    return np.column_stack([table.column(name).to_numpy() for name in names])


def files(folder: Path) -> list[str]:
    """Return everything below a folder, hidden files too."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def accounts(folder: Path) -> list[dict[str, Any]]:
    text = "".join(path.read_text() for path in sorted(folder.glob("*.jsonl")))
    # `splitlines` would also split at U+2028 and its like, which names may hold.
    lines = [json.loads(line) for line in text.split("\n") if line]
    return [line for line in lines if line["kind"] == "recording"]


@dataclass
class Step:
    """Runs one script with the paths of a container in a temporary folder."""

    folder: Path
    main: Callable[[Sequence[str]], int]
    hosts: Sequence[str] = ("algo-1",)
    host: str = "algo-1"
    paths: dict[str, str] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def message(self) -> Path:
        return self.folder / "message"

    def __call__(self, *options: str) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "resourceconfig.json"
        config.write_text(json.dumps({"current_host": self.host, "hosts": list(self.hosts)}))
        paths = {
            **self.paths,
            "--output": str(self.output),
            "--resource-config": str(config),
            "--message-file": str(self.message),
        }
        with warnings.catch_warnings():
            # What numpy or Python warns of is a wrong number or a bug.
            warnings.simplefilter("error")
            return self.main([*(word for pair in paths.items() for word in pair), *options])

    def json(self, name: str) -> Any:
        return json.loads((self.output / name).read_text())


def preprocess_step(folder: Path, raw: Path, **kinds: Any) -> Step:
    return Step(folder, preprocess.main, paths={"--input": str(raw)}, **kinds)


def pca_step(folder: Path, before: Path, parts: Path | None = None, **kinds: Any) -> Step:
    paths = {
        "--input": str(parts or before),
        "--moments": str(before / "moments"),
        "--account": str(before / "account"),
    }
    return Step(folder, pca.main, paths=paths, **kinds)
