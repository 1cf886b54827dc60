"""Which columns of a recording are its leads, and which is its time."""

from dataclasses import dataclass

from .errors import StepError
from .messages import listed

LOOKAHEAD = 128
"""Lines judged to tell numeric columns from text; fixed, so that block size plays no part."""

MOST = 4096
"""Leads of a recording: their moments take the square of that, a few times."""

RESERVED = ("recording", "sample", "time")
"""The columns that every part has beside its leads."""

# pandas.read_csv's list, so that what was missing there is missing here.
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""Cells that say "no value"."""


@dataclass(frozen=True)
class Layout:
    """Where a recording's columns lie: names and 0-based positions of its leads, in order."""

    width: int
    leads: tuple[str, ...]
    positions: tuple[int, ...]


HEADERS = ("auto", "first", "none")
"""Whether a recording's first line has the names: it must look so, it has, or it is a row."""


def require_names(source: str, names: list[str], rows: list[list[str]]) -> None:
    """Refuse a first line that looks like a row, for it would be lost as names.

    Names are told by one that begins with a letter, in the first column or above numbers.
    """
    judged = [p for p in range(len(names)) if not p or _is_numeric(p, rows)]
    if not any(is_name(names[position]) for position in judged):
        raise StepError(
            f"{source}: the first line ({listed(names)}) looks like a row, not like the names of "
            f"the columns: add a header. --header none reads that line as a row, and "
            "first as names"
        )


def choose(wanted: str, source: str, names: list[str], rows: list[list[str]]) -> Layout:
    """Find the leads of --leads in a header.

    Args:
        wanted: "all" (every numeric column but the first), or column names and 0-based positions
            separated by commas. A name goes before a position, as a column may be called "1".
        source: the recording's file, for errors.
        names: the header.
        rows: cells of the first lines, which show what is numeric.
    """
    # A column without a name has one by its place.
    names = [name or f"column{position}" for position, name in enumerate(names)]
    if wanted.strip() == "all":
        positions = [p for p in range(1, len(names)) if _is_numeric(p, rows)]
        if not positions:
            raise StepError(
                f"{source}: no numeric column after the first ({listed(names)}): "
                f"columns must be separated by commas; choose with --leads"
            )
    else:
        positions = [_find(lead.strip(), source, names) for lead in wanted.split(",")]
    if len(positions) > MOST:
        raise StepError(
            f"{source}: {len(positions)} leads, of which memory has room for {MOST}: "
            "choose some with --leads"
        )
    leads = [names[position] for position in positions]
    twice = sorted({lead for lead in leads if leads.count(lead) > 1})
    if twice:
        raise StepError(
            f"{source}: lead {twice[0]!r} is chosen twice, by --leads {wanted!r} or by "
            "a header that repeats the name: choose by position, or rename the column"
        )
    return Layout(len(names), tuple(leads), tuple(positions))


def _find(lead: str, source: str, names: list[str]) -> int:
    if names.count(lead) == 1:
        return names.index(lead)
    if lead not in names and lead.isdecimal() and int(lead) < len(names):
        return int(lead)
    problem = "is the name of several columns" if lead in names else "is not a column"
    raise StepError(
        f"{source}: lead {lead!r} {problem}. Its columns are {listed(names)} "
        f"(positions 0 to {len(names) - 1}). Choose with --leads, or leave that file out"
    )


def _is_numeric(position: int, rows: list[list[str]]) -> bool:
    """Whether most cells that are there are numbers: some dirt doesn't make a lead text."""
    cells = [row[position].strip() for row in rows if position < len(row)]
    present = [cell for cell in cells if cell not in MISSING]
    return 2 * sum(map(_is_number, present)) >= len(present)


def is_name(cell: str) -> bool:
    """Whether a cell can only be a name: it is no value, and begins with a letter."""
    if cell in MISSING or _is_number(cell):
        return False
    first = next((char for char in cell if char.isalnum()), "")
    return first.isalpha()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
