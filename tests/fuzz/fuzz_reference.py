"""What should come of a recording, worked out slowly: Python's csv module and exact fractions.

Shares no code with the scripts. A line at a time, a cell at a time, each rule where it is used.
"""

import csv
import gzip
import hashlib
import math
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from fuzz_cases import Case

csv.field_size_limit(1 << 30)

WORDS = {
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
}  # fmt: skip
NAN = re.compile(r"[+-]?nan(\([A-Za-z0-9_]*\))?", re.IGNORECASE)
INFINITE = re.compile(r"([+-]?)inf(inity)?", re.IGNORECASE)
DECIMAL = re.compile(r"([+-]?)(?:([0-9]+)\.?([0-9]*)|\.([0-9]+))(?:[eE]([+-]?[0-9]+))?")
LARGEST = 1e304


class Refusal(Exception):
    """The recording is refused, with these words."""


@dataclass
class Table:
    """The rows of one recording that are kept.

    Attributes:
        leads: names.
        samples: place of each row among all.
        times: seconds.
        rows: a value for each lead.
        exact: for each value, whether it must come out to the last bit.
        read: rows read.
        rejected: by reason.
        filled: cells by lead.
    """

    leads: list[str]
    samples: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)
    exact: list[list[bool]] = field(default_factory=list)
    read: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    filled: list[int] = field(default_factory=list)


def unpacked(name: str, content: bytes) -> bytes:
    """Return what is in a file."""
    if not name.endswith(".gz"):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise Refusal("") from None  # whatever comes before the damage may be refused as well


def read(content: bytes, case: Case, *, timed: bool) -> Table:
    """Return the table of a recording's bytes.

    Raises:
        Refusal: there is none.
    """
    leads, positions, width, lines = layout(content, case)
    table = Table(leads, filled=[0] * len(leads))
    wanted = {*positions, 0} if timed and case.rate == "none" else {*positions}
    good: list[tuple[int, float, list[float]]] = []
    for line in lines:
        sample = table.read
        table.read += 1
        cells = next(csv.reader([line]))
        if len(cells) != width:
            table.rejected["column_count"] += 1
            continue
        values = {position: number(cells[position]) for position in wanted}
        if None in values.values():
            table.rejected["non_numeric"] += 1
            continue
        numbers = {p: value for p, value in values.items() if value is not None}
        time = numbers[0] if 0 in wanted and timed else 0.0
        if case.rate != "none":
            time = sample / float(case.rate)
        row = [numbers[position] for position in positions]
        if not math.isfinite(time):
            table.rejected["bad_time"] += 1
        elif any(map(math.isinf, row)):
            table.rejected["infinite"] += 1
        else:
            good.append((sample, time, row))
    _fill(table, good, case)
    if not table.read:
        raise Refusal("a header but no rows")
    if not table.rows:
        raise Refusal(f"all {table.read} rows are rejected")
    return table


def reaches(table: Table) -> tuple[bool, bool]:
    """Whether the values must be, and may be, too large to add up."""
    largest = max(abs(value) for row in table.rows for value in row)
    bound = largest * 4 * (len(table.leads) + 1) * len(table.rows)
    return largest >= LARGEST, bound >= LARGEST


def number(cell: str) -> float | None:
    """Return a cell's number, NaN where it says that there is none; None for anything else."""
    cell = cell.strip(" \t\n\v\f\r")
    if cell in WORDS or NAN.fullmatch(cell):
        return math.nan
    if match := INFINITE.fullmatch(cell):
        return -math.inf if match[1] == "-" else math.inf
    match = DECIMAL.fullmatch(cell)
    if match is None:
        return None
    sign, whole, part, only, exponent = match.groups()
    digits, places = (whole + part, len(part)) if whole else (only, len(only))
    power = int(exponent or 0) - places
    return math.copysign(_rounded(int(digits), power), -1 if sign == "-" else 1)


def _rounded(digits: int, power: int) -> float:
    if not digits or len(str(digits)) + power < -400:
        return 0.0
    if len(str(digits)) + power > 400:
        return math.inf
    exact = Fraction(digits) * Fraction(10) ** power
    try:
        return exact.numerator / exact.denominator  # Python rounds this correctly
    except OverflowError:
        return math.inf


def layout(content: bytes, case: Case) -> tuple[list[str], list[int], int, list[str]]:
    for magic, words in (
        (b"\x1f\x8b", "gzip-compressed: name it .csv.gz"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
        (b"PAR1", "a Parquet file"),
    ):
        if content.startswith(magic):
            raise Refusal(words)
    text = content.decode("utf-8", "replace")
    # A mark opens the text. Decoding has made no other character one.
    text = text[1:] if content.startswith(b"\xef\xbb\xbf") else text
    lines = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n").split("\n")
    if not lines[0]:
        raise Refusal("the file is empty")
    first = next(csv.reader([lines[0]]))
    start = 0 if case.header == "none" else 1
    ahead = lines[start : start + case.lookahead]
    shown = [next(csv.reader([line])) for line in ahead if line]
    numeric = [_mostly_numbers(shown, place) for place in range(len(first))]
    names = [""] * len(first)
    if case.header != "none":
        names = [name.strip().strip("'\"").strip() for name in first]
    if case.header == "auto" and not any(
        _begins_with_letter(name) for p, name in enumerate(names) if not p or numeric[p]
    ):
        raise Refusal("looks like a row")
    names = [name or f"column{place}" for place, name in enumerate(names)]
    if case.leads == "all":
        chosen = [place for place in range(1, len(names)) if numeric[place]]
        if not chosen:
            raise Refusal("no numeric column after the first")
    else:
        chosen = [_chosen(lead.strip(), names) for lead in case.leads.split(",")]
    leads = [names[place] for place in chosen]
    if len(set(leads)) < len(leads):
        raise Refusal("is chosen twice")
    return leads, chosen, len(names), [line for line in lines[start:] if line]


def _chosen(lead: str, names: list[str]) -> int:
    if names.count(lead) == 1:
        return names.index(lead)
    if not names.count(lead) and re.fullmatch("[0-9]+", lead) and int(lead) < len(names):
        return int(lead)
    raise Refusal("is the name of several columns" if lead in names else "is not a column")


def _mostly_numbers(rows: list[list[str]], place: int) -> bool:
    cells = [row[place].strip() for row in rows if place < len(row)]
    present = [cell for cell in cells if cell not in WORDS]
    return 2 * sum(map(_python_number, present)) >= len(present)


def _python_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _begins_with_letter(name: str) -> bool:
    if name in WORDS or _python_number(name):
        return False
    alphanumeric = [char for char in name if char.isalnum()]
    return bool(alphanumeric) and alphanumeric[0].isalpha()


def _fill(table: Table, good: list[tuple[int, float, list[float]]], case: Case) -> None:
    if case.fill == "interpolate":
        rising = []
        for sample, time, row in good:
            if rising and time <= max(one[1] for one in rising):
                table.rejected["bad_time"] += 1
            else:
                rising.append((sample, time, row))
        good = rising
    for place, (sample, time, row) in enumerate(good):
        missing = [lead for lead, value in enumerate(row) if math.isnan(value)]
        filled = list(row)
        if case.fill == "drop" and missing:
            table.rejected["missing"] += 1
            continue
        for lead in missing:
            filled[lead] = 0.0 if case.fill == "zero" else _between(good, place, lead, case)
        if any(map(math.isnan, filled)):
            table.rejected["gap_too_long"] += 1
            continue
        for lead in missing:
            table.filled[lead] += 1
        table.samples.append(sample)
        table.times.append(time)
        table.rows.append(filled)
        guessed = missing if case.fill == "interpolate" else []
        table.exact.append([lead not in guessed for lead in range(len(row))])


def _between(
    good: list[tuple[int, float, list[float]]], place: int, lead: int, case: Case
) -> float:
    before = next((one for one in good[place::-1] if not math.isnan(one[2][lead])), None)
    after = next((one for one in good[place:] if not math.isnan(one[2][lead])), None)
    if before is None or after is None or not after[1] - before[1] < float(case.max_gap):
        return math.nan
    a, b = Fraction(before[2][lead]), Fraction(after[2][lead])
    start, end = Fraction(before[1]), Fraction(after[1])
    value = a + (b - a) * (Fraction(good[place][1]) - start) / (end - start)
    return float(value)


def split(recording: str, shares: list[Fraction], seed: int) -> str:
    """Return the split of a recording."""
    digest = hashlib.sha256(f"{seed}:{recording}".encode()).hexdigest()
    point = Fraction(int(digest[:16], 16), 1 << 64)
    if point < shares[0]:
        return "train"
    return "validation" if point < shares[0] + shares[1] else "test"


def moments(rows: list[list[float]]) -> tuple[list[Fraction], list[list[Fraction]]]:
    """Return mean and co-moments of rows, exactly."""
    columns = [[Fraction(value) for value in column] for column in zip(*rows, strict=True)]
    means = [sum(column, Fraction()) / len(rows) for column in columns]
    centred = [[v - m for v in c] for c, m in zip(columns, means, strict=True)]
    return means, [
        [sum((x * y for x, y in zip(a, b, strict=True)), Fraction()) for b in centred]
        for a in centred
    ]


def sections(content: bytes) -> list[bytes]:
    """Cut a pipe's whole content where its first header comes again."""
    mark = b"\xef\xbb\xbf"
    opening = re.match(rb"[\r\n]*(" + mark + rb"[\r\n]*)?", content)
    found = re.compile(rb"([^\r\n]+)[\r\n]").match(content, opening.end() if opening else 0)
    if found is None:
        return [content]
    header = found[1]
    cuts = [0]
    for match in re.finditer(rb"(?=" + re.escape(header) + rb"(?:[\r\n]|\Z))", content):
        at = match.start()
        if at < found.end():
            continue
        before = re.split(rb"[\r\n]", content[:at])[-1]
        if before.endswith(mark):
            cuts.append(at - len(mark))
        elif _may_precede(before):
            cuts.append(at)
    return [content[a:b] for a, b in zip(cuts, [*cuts[1:], len(content)], strict=True)]


def _may_precede(before: bytes) -> bool:
    first, comma, _ = before.decode("utf-8", "replace").partition(",")
    if comma:
        return not _begins_with_letter(first.strip(" \t\"'"))
    return not before or re.fullmatch(r"\s*[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?\s*", first) is not None
