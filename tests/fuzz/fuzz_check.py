"""A case through the scripts, and what comes out against the reference."""

import contextlib
import functools
import io
import json
import math
import shutil
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import fuzz_reference as reference
import numpy as np
import pca
import preprocess
import pyarrow.parquet as pq
from ecglib import leads as leads_module
from ecglib import moments as moments_module
from ecglib.pipe import PipedRecordings
from ecglib.stream import Reading
from fuzz_cases import Case
from fuzz_reference import Refusal, Table

SPLITS = ("train", "validation", "test")
SHARES = ("0.5", "0.25", "0.25")
RESERVED = ("recording", "sample", "time")
URI = "s3://bucket/raw/"


class Violation(Exception):
    """What came out is not what should."""


@dataclass(frozen=True)
class Run:
    """How a script ended."""

    code: int
    said: str


@dataclass(frozen=True)
class Expected:
    """Tables by source, or where and why it is refused."""

    tables: dict[str, Table]
    source: str = ""
    words: str | None = None


def check(case: Case, folder: Path) -> str:
    """Run a case through every reader; return how it ended, in a word.

    Raises:
        Violation: something is not as it should be.
    """
    if folder.exists():
        shutil.rmtree(folder)
    raw = folder / "raw"
    raw.mkdir(parents=True)
    for name, content in case.recordings:
        (raw / name).write_bytes(content)
    with patched(case):
        found = _file_mode(case, folder, raw)
        _pipe_mode(case, folder)
        _by_recording(case, folder, raw)
    return found


@contextlib.contextmanager
def patched(case: Case) -> Iterator[None]:
    """Give the scripts a case's sizes, which no option sets."""
    reading = functools.partial(Reading, block=case.block)
    kept = leads_module.LOOKAHEAD, moments_module.BATCH
    leads_module.LOOKAHEAD, moments_module.BATCH = case.lookahead, case.batch
    preprocess.Reading = pca.Reading = reading  # type: ignore[misc, assignment]
    preprocess.PipedRecordings = functools.partial(PipedRecordings, block=case.block)  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        leads_module.LOOKAHEAD, moments_module.BATCH = kept
        preprocess.Reading = pca.Reading = Reading  # type: ignore[misc]
        preprocess.PipedRecordings = PipedRecordings  # type: ignore[misc]


def run(
    main: Callable[[Sequence[str]], int], folder: Path, *words: object, config: Path | None = None
) -> Run:
    """Run a script; it must end with 0, or with 1 and one line that says why, and no warning."""
    out, err = io.StringIO(), io.StringIO()
    hosts = str(config or folder / "none.json")
    paths = ["--resource-config", hosts, "--message-file", str(folder / "said")]
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error")
            code = main([*map(str, words), *paths])
    except Exception:
        raise Violation(f"{main.__module__}: {traceback.format_exc()}") from None
    said = err.getvalue()
    if code not in (0, 1) or (code == 1) != said.startswith("error: ") or said.count("\n") != code:
        raise Violation(f"{main.__module__} ended with {code} and said {said!r}")
    return Run(code, said)


def expect(
    case: Case, pieces: dict[str, bytes], *, timed: bool = True, together: bool = True
) -> Expected:
    """Return what the reference makes of recordings, one after the other.

    Those that go `together`, into one table, have the same leads.
    """
    tables: dict[str, Table] = {}
    first: list[str] | None = None
    for source, content in pieces.items():
        try:
            table = reference.read(content, case, timed=timed)
        except Refusal as refusal:
            # What the header shows is refused before the rows are read.
            early = _of_header(content, case, first) if together else None
            return Expected(tables, source, early or str(refusal))
        early = _of_leads(table.leads, first) if together else None
        if early:
            return Expected(tables, source, early)
        first = table.leads if first is None else first
        if all(reference.reaches(table)):
            return Expected(tables, source, "has values too large to add up")
        tables[source] = table
    return Expected(tables)


def _of_header(content: bytes, case: Case, first: list[str] | None) -> str | None:
    try:
        return _of_leads(reference.layout(content, case)[0], first)
    except Refusal:
        return None


def _of_leads(leads: list[str], first: list[str] | None) -> str | None:
    if any(lead in RESERVED for lead in leads):
        return "a lead is named"
    return "its leads are" if first is not None and leads != first else None


def _file_mode(case: Case, folder: Path, raw: Path) -> str:
    output = folder / "file"
    ended = run(preprocess.main, folder, *_preprocess(case, raw, output))
    try:
        pieces = {name: reference.unpacked(name, content) for name, content in case.recordings}
    except Refusal:
        _require(ended.code == 1, "a damaged gzip file is read")
        return "refused"
    expected = expect(case, pieces)
    if expected.words is None and ended.code and "too large to add up" in ended.said:
        _require(any(reference.reaches(table)[1] for table in expected.tables.values()), ended.said)
        return "refused"
    _compare(ended, expected, output)
    if not ended.code:
        _compare_outputs(case, expected.tables, output)
        _global(case, expected.tables, folder, output)
    return "refused" if ended.code else "read"


def _pipe_mode(case: Case, folder: Path) -> None:
    """A pipe holds what its whole content says it does, whatever files it came from."""
    sources = [name for name, _ in case.recordings]
    if len({name.endswith(".gz") for name in sources}) > 1 or case.header == "none":
        return
    pipe, output = folder / "in", folder / "pipe"
    pipe.mkdir()
    (pipe / "raw-manifest").write_text("first\n" + "".join(f"{URI}{name}\n" for name in sources))
    content = b"".join(content for _, content in case.recordings)
    (pipe / "raw_0").write_bytes(content)
    ended = run(
        preprocess.main, folder, *_preprocess(case, pipe, output),
        "--input-mode", "Pipe", "--input-uri", URI,
    )  # fmt: skip
    if ended.code:
        _require_clean(output)
    # The service, too, may have unpacked what is called .gz.
    name = "x.csv.gz" if content.startswith(b"\x1f\x8b") else "x.csv"
    try:
        cut = reference.sections(reference.unpacked(name, content))
    except Refusal:
        _require(ended.code == 1, "damaged gzip data is read from a pipe")
        return
    if len(cut) != len(sources):
        _require(ended.code == 1, f"a pipe of {len(cut)} recordings is read as {len(sources)}")
        return
    expected = expect(case, dict(zip(sources, cut, strict=True)))
    if not ended.code:
        _compare(ended, expected, output)
        _compare_outputs(case, expected.tables, output)
        if cut == _plain(case):
            _require_same_bytes(folder / "file", output)
    elif expected.words is None and "could be a row" not in ended.said:
        _require(
            "too large to add up" in ended.said
            and any(reference.reaches(table)[1] for table in expected.tables.values()),
            f"a pipe is refused: {ended.said}",
        )


def _plain(case: Case) -> list[bytes]:
    with contextlib.suppress(Refusal):
        return [reference.unpacked(name, content) for name, content in case.recordings]
    return []


def _by_recording(case: Case, folder: Path, raw: Path) -> None:
    output = folder / "each"
    options = ["--scope", "recording", "--format", "csv", "--n-components", "all"]
    ended = run(
        pca.main, folder, "--input", raw, "--output", output, "--moments", folder / "none",
        *options, *case.options,
    )  # fmt: skip
    if ended.code:
        _require_clean(output)
    try:
        pieces = {name: reference.unpacked(name, content) for name, content in case.recordings}
    except Refusal:
        _require(ended.code == 1, "a damaged gzip file is read")
        return
    expected = expect(case, pieces, timed=case.fill == "interpolate", together=False)
    if not ended.code:
        _compare(ended, expected, output)
        for source, table in expected.tables.items():
            name = source.split(".csv")[0]
            path = output / "components" / f"pca_{name}.csv"
            text = path.read_text().split("\n")[:-1]
            _compare_norms(table.rows, [list(map(float, line.split(","))) for line in text])
    elif expected.words is None:
        _require_reason(ended, list(expected.tables.values()))


def _global(case: Case, tables: dict[str, Table], folder: Path, before: Path) -> None:
    output = folder / "global"
    ended = run(
        pca.main, folder, "--input", before, "--moments", before / "moments", "--output", output,
        "--account", before / "account", "--n-components", "all",
    )  # fmt: skip
    train = [table for source, table in tables.items() if _split(source) == "train"]
    if ended.code:
        _require_clean(output)
        if train and sum(len(table.rows) for table in train) > 1:
            _require_reason(ended, list(tables.values()))
        return
    rows = [row for table in train for row in table.rows]
    _require(len(rows) > 1, "a model of less than two rows")
    found = _rows(output / "components" / "split=train", len(tables[next(iter(tables))].leads))
    _compare_norms(rows, [values for *_, values in found])


def _require_reason(ended: Run, tables: list[Table]) -> None:
    """A refusal that the reference doesn't foresee: too few rows, or numbers too far off."""
    largest = max(abs(value) for table in tables for row in table.rows for value in row)
    if "at least 2 that a PCA needs" in ended.said:
        _require(min(len(table.rows) for table in tables) < 2, ended.said)
    elif "too large" in ended.said:
        _require(largest > 1e100, ended.said)
    else:
        _require("too small" in ended.said and _narrow(tables), ended.said)


def _narrow(tables: list[Table]) -> bool:
    """Whether some spread is that small."""
    columns = [column for table in tables for column in zip(*table.rows, strict=True)]
    return any(0 < Fraction(max(column)) - Fraction(min(column)) < 1e-100 for column in columns)


def _preprocess(case: Case, raw: Path, output: Path) -> list[object]:
    shares = ",".join(SHARES)
    parts = ["--split", shares, "--seed", case.number, "--rows-per-part", case.rows_per_part]
    return ["--input", raw, "--output", output, *parts, *case.options]


def _split(source: str) -> str:
    return _SPLIT[source]


_SPLIT: dict[str, str] = {}


def _compare(ended: Run, expected: Expected, output: Path) -> None:
    if ended.code:
        _require_clean(output)
        _require(expected.words is not None, f"refused, but good: {ended.said}")
        wanted = f"error: {expected.source}: "
        _require(
            ended.said.startswith(wanted) and str(expected.words) in ended.said,
            f"{ended.said!r} instead of {wanted}…{expected.words}",
        )
    else:
        _require(expected.words is None, f"read, not refused: {expected.source} {expected.words}")


def _compare_outputs(case: Case, tables: dict[str, Table], output: Path) -> None:
    lines = (output / "account" / "algo-1.jsonl").read_text().split("\n")
    accounts = {line["source"]: line for line in map(json.loads, lines[1:-1])}
    _require(list(accounts) == list(tables), f"the account has {list(accounts)}")
    by_split: dict[str, list[tuple[str, Table]]] = {name: [] for name in SPLITS}
    for source, table in tables.items():
        recording = source.split(".csv")[0]
        split = reference.split(recording, [Fraction(share) for share in SHARES], case.number)
        _SPLIT[source] = split
        by_split[split].append((recording, table))
        _compare_account(accounts[source], table, split)
        path = next((output / "moments" / split).glob(f"{recording}-*.json"))
        _compare_moments(json.loads(path.read_text()), table)
    for split, several in by_split.items():
        _compare_parts(case, several, output / split)


def _compare_account(account: dict[str, Any], table: Table, split: str) -> None:
    wanted = {
        "split": split,
        "read": table.read,
        "written": len(table.rows),
        "rejected": dict(table.rejected),
        "filled": sum(table.filled),
        "filled_by_lead": dict(zip(table.leads, table.filled, strict=True)),
        "first_time": table.times[0],
        "last_time": table.times[-1],
    }
    found = {name: account[name] for name in wanted}
    _require(found == wanted, f"account {found} instead of {wanted}")


def _compare_parts(case: Case, several: list[tuple[str, Table]], folder: Path) -> None:
    wanted = [
        (recording, sample, time, values, exact)
        for recording, table in several
        for sample, time, values, exact in zip(
            table.samples, table.times, table.rows, table.exact, strict=True
        )
    ]
    found = _rows(folder, len(several[0][1].leads) if several else 0)
    _require(len(found) == len(wanted), f"{len(found)} rows instead of {len(wanted)}")
    for ours, (recording, sample, time, values, exact) in zip(found, wanted, strict=True):
        _require(ours[:3] == (recording, sample, time), f"{ours[:3]} instead of {sample}, {time}")
        for mine, theirs, same in zip(ours[3], values, exact, strict=True):
            close = _bits(mine) == _bits(theirs) if same else _near(mine, theirs)
            _require(close, f"{mine!r} instead of {theirs!r} in sample {sample}")
    sizes = [pq.ParquetFile(path).metadata.num_rows for path in sorted(folder.iterdir())]
    _require(
        all(size == case.rows_per_part for size in sizes[:-1]) and sum(sizes) == len(wanted),
        f"parts of {sizes} rows",
    )


def _near(mine: float, theirs: float) -> bool:
    return math.isclose(mine, theirs, rel_tol=1e-9, abs_tol=1e-9 * max(1e-300, abs(theirs)))


def _bits(value: float) -> str:
    return (value + 0.0).hex()


def _rows(folder: Path, leads: int) -> list[tuple[str, int, float, list[float]]]:
    rows = []
    for path in sorted(folder.glob("*.parquet")):
        table = pq.ParquetFile(path).read()
        columns = [column.to_pylist() for column in table.columns]
        if columns[0]:
            _require(len(columns) == 3 + leads, f"{path} has {len(columns)} columns")
        rows += [(r, s, t, list(v)) for r, s, t, *v in zip(*columns, strict=True)]
    return rows


def _compare_moments(found: dict[str, Any], table: Table) -> None:
    means, comoments = reference.moments(table.rows)
    n = len(table.rows)
    _require(found["n"] == n and found["leads"] == table.leads, "moments of other rows")
    size = [max(abs(Fraction(row[lead])) for row in table.rows) for lead in range(len(means))]
    factor = [[Fraction(cell) for cell in row] for row in found["factor"]]
    tiny = Fraction(1, 10**318)
    # An interpolated value itself is near, not exact.
    ulps = 10**29 if all(map(all, table.exact)) else 10**12
    for i, mean in enumerate(means):
        off = abs(Fraction(found["mean"][i]) + Fraction(found["mean_low"][i]) - mean)
        rounding = size[i] / ulps * n
        _require(off <= _root(comoments[i][i]) / 10**14 + rounding + tiny, "the mean is off")
        for j in range(len(means)):
            ours = sum((row[i] * row[j] for row in factor), Fraction())
            scale = _root(comoments[i][i]) * _root(comoments[j][j])
            rounding = size[i] * size[j] / ulps * n
            _require(
                abs(ours - comoments[i][j])
                <= scale / 10**12 + rounding + tiny * (size[i] + size[j]),
                f"co-moment {i}, {j} is off",
            )


def _root(square: Fraction) -> Fraction:
    return Fraction(
        math.isqrt(square.numerator * square.denominator << 200), square.denominator << 100
    )


def _compare_norms(rows: list[list[float]], components: list[list[float]]) -> None:
    """All components together are as long as the centred row: the model only turns it."""
    _require(len(rows) == len(components), f"{len(components)} rows projected, of {len(rows)}")
    if not np.isfinite(components).all():
        raise Violation("components are not finite")
    scale = max(abs(value) for row in rows for value in row) or 1.0
    table = np.array([[float(Fraction(v) / Fraction(scale)) for v in row] for row in rows])
    centred = np.sqrt(np.square(table - table.mean(axis=0)).sum(axis=1))
    turned = np.array([[float(Fraction(v) / Fraction(scale)) for v in row] for row in components])
    lengths = np.sqrt(np.square(turned).sum(axis=1))
    _require(np.abs(centred - lengths).max() < 1e-11, "components are longer or shorter than rows")


def _require_clean(output: Path) -> None:
    left = [path for path in output.rglob("*") if path.is_file()]
    _require(not left, f"left behind: {left}")


def _require_same_bytes(one: Path, other: Path) -> None:
    names = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    _require(
        names == sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file())
        and all((one / name).read_bytes() == (other / name).read_bytes() for name in names),
        "Pipe mode gives other bytes than File mode",
    )


def _require(good: bool, words: str) -> None:
    if not good:
        raise Violation(words)
