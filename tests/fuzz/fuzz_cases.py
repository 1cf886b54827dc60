"""Recordings as nobody should write them, made from a number: the same number, the same case."""

import gzip
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass

LOOKAHEADS = (1, 3, 8, 128)
CELLS = (
    *("", "", "NA", "nan", "NaN", "None", "NULL", "#N/A", "-1.#IND", " ", " NA ", '"NA"', '""'),
    *("nan(1)", "-nan", "NAN", "+nan", "inf", "-Infinity", "INF", "1e400", "-1e400", "1e-400"),
    *("+1.5", "1.", ".5", "-.5e1", "1e5", " 2 ", "\t3", '"3.5"', ' "3"', "00012", "0e99999999"),
    *("abc", "-", "+", ".", "5e", "1_0", "0x10", "1 2", "--1", "1,5", "1;5", "\x00", "1\x00"),
    *("\xb5V", "\u0661", "\ufeff", "\ufeff1", "\u2028", "1\xa0", "\x0b4", "\x0c4"),
    *('"', '"x"y', 'a"b', '"1,2"', '"1', '2"', '"1"2', '"a""b"', '"""', '"1\n2"'),
    *("9007199254740993", "0.1", "1e23", "123456789012345678901234567890", "4.9e-324"),
    *("2.2250738585072011e-308", "1.7976931348623157e308", "1e200", "-1e200", "1e-200"),
    *("0.30000000000000004", "1" * 400, "0." + "3" * 60),
)
NAMES = (
    "i",
    "ii",
    "v1",
    "MLII",
    "'V5'",
    '"a,b"',
    " aVR ",
    "1",
    "2",
    "Ableitung-\xb5",
    "note",
    "x y",
)
LEADS = (*("all",) * 12, *("{last}", "{all}") * 3, "1", "0,1", "9")
ENDS = ("\n", "\n", "\n", "\r\n", "\r")
Bytes = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True)
class Case:
    """Recordings and options for one run.

    Attributes:
        number: what the case was made from.
        recordings: file names, sorted, and contents.
        leads, fill, max_gap, rate, header: options as the command line has them.
        block: bytes read at a time.
        lookahead: lines that tell numeric columns.
        batch: rows of a batch of moments.
        rows_per_part: option.
    """

    number: int
    recordings: tuple[tuple[str, bytes], ...]
    leads: str = "all"
    fill: str = "zero"
    max_gap: str = "0.1"
    rate: str = "none"
    header: str = "auto"
    block: int = 1 << 20
    lookahead: int = 128
    batch: int = 16384
    rows_per_part: int = 50000

    @property
    def options(self) -> list[str]:
        """The command line's words about reading."""
        pairs = {
            "--leads": self.leads,
            "--fill": self.fill,
            "--max-gap": self.max_gap,
            "--sampling-rate": self.rate,
            "--header": self.header,
        }
        return [word for pair in pairs.items() for word in pair]


def make(number: int) -> Case:
    """Return the case of a number."""
    dice = random.Random(number)
    leads = dice.sample(NAMES, dice.randint(1, 4))
    header = [dice.choice(("time", "time", "", "'sample #'", "t")), *leads]
    if dice.random() < 0.06:
        header = [dice.choice((name, "", "NA", "5", "time", "i")) for name in header]
    shared = dice.random() < 0.85  # Pipe mode needs one header
    fill = dice.choice(("zero", "zero", "drop", "interpolate", "interpolate"))
    step = dice.choice((0.01, 0.01, 0.25))
    recordings = {}
    for place in range(dice.choice((1, 1, 2, 3))):
        if not shared and dice.random() < 0.3:
            header = [*header[:1], *dice.sample(NAMES, dice.randint(1, 4))]
        content = _recording(dice, header, step, gaps=fill == "interpolate")
        name = f"r{place}.csv"
        if dice.random() < 0.1:
            name, content = f"r{place}.csv.gz", _packed(dice, content)
        recordings[name] = content
    if len(recordings) > 1 and dice.random() < 0.15:
        _swapped(dice, recordings)
    columns = [name.strip("'\" ") for name in header]
    return Case(
        number,
        tuple(sorted(recordings.items())),
        leads=dice.choice(LEADS).format(last=columns[-1], all=",".join(columns[1:])),
        fill=fill,
        max_gap=dice.choice(
            ("0.1", "0.035", repr(2 * step), repr(3 * step), repr(5 * step), "1e9")
        ),
        rate=dice.choice(("none", "none", "none", "360", "1e-9", "1e15")),
        header=dice.choice(("auto",) * 8 + ("first", "none")),
        block=dice.choice((1, 2, 3, 5, 16, 64, 1 << 20)),
        lookahead=dice.choice(LOOKAHEADS),
        batch=dice.choice((1, 5, 16, 16384)),
        rows_per_part=dice.choice((4, 11, 50000)),
    )


def _recording(dice: random.Random, header: list[str], step: float, *, gaps: bool) -> bytes:
    rows = dice.choice((*(12,) * 12, *(30,) * 8, 0, 1, 2, 5, 60))
    size = dice.choice((1.0, 1.0, 1.0, 1.0, 1e6, 1e-3, 1e-200, 1e200))
    offset = dice.choice((0.0, 0.0, 1000.0)) * size
    lines = [list(header)]
    for row in range(rows):
        values = [repr(round(dice.gauss(0, 1), 4) * size + offset) for _ in header[1:]]
        lines.append([repr(row * step), *values])
    for _ in range(dice.choice((0, 0, 1, 2, 5, 12))):
        _dirty(dice, lines, gaps=gaps)
    if dice.random() < 0.02:
        del lines[0]
    elif rows and dice.random() < 0.1:
        lines.insert(1, ["s", *("mV" for _ in header[1:])])
    end = dice.choice(ENDS)
    mixed = dice.random() < 0.05
    text = "".join(",".join(line) + (dice.choice(ENDS) if mixed else end) for line in lines)
    if dice.random() < 0.3:
        text = text.rstrip("\r\n")
    if dice.random() < 0.1:
        text = dice.choice(("\ufeff", "\n", "\r\n\n", "\ufeff\n")) + text
    content = text.encode("latin-1", "ignore") if dice.random() < 0.03 else text.encode()
    if dice.random() < 0.08:
        content = dice.choice(BYTES)(dice, content)
    return content


def _dirty(dice: random.Random, lines: list[list[str]], *, gaps: bool) -> None:
    if len(lines) < 2:
        return
    at = dice.randrange(1, len(lines))
    line = lines[at]
    kind = 10 if gaps and dice.random() < 0.5 else dice.randrange(14)
    if kind < 5 and line:
        line[dice.randrange(len(line))] = dice.choice(CELLS)
    elif kind == 5:
        line.append(dice.choice(CELLS))
    elif kind == 6 and line:
        line.pop()
    elif kind == 7:
        lines.insert(at, [])
    elif kind == 8:
        lines.insert(at, list(lines[0]) if dice.random() < 0.3 else [dice.choice(CELLS)])
    elif kind == 9 and line:
        line[0] = dice.choice(
            ("0.05", "-1", "1e308", "nan", "", "inf", "99", "0.0100001", *lines[at - 1][:1])
        )
    elif 10 <= kind < 13 and len(line) > 1:
        # A gap, perhaps across another one.
        column = dice.randrange(1, len(line))
        for other in lines[at : at + dice.randint(1, 7)]:
            if column < len(other):
                other[column] = ""
    elif line:
        line[0] = "\ufeff" + line[0]


def _packed(dice: random.Random, content: bytes) -> bytes:
    cut = dice.randint(0, len(content))
    packed = gzip.compress(content[:cut], mtime=0) + gzip.compress(content[cut:], mtime=0)
    kind = dice.randrange(12)
    if kind == 0:
        return packed[: dice.randint(0, len(packed))]
    if kind == 1:
        return _flipped(dice, packed)
    if kind == 2:
        return packed + dice.choice((b"\0\0", b"garbage", b"\x1f\x8b"))
    return content if kind == 3 else packed


def _swapped(dice: random.Random, recordings: dict[str, bytes]) -> None:
    """Faults that a pipe may not see: what one file has too many, another has too few."""
    one, other = dice.sample(sorted(recordings), 2)
    kind = dice.randrange(4)
    if kind == 0:
        recordings[other] = b""
    elif kind == 1:
        recordings[one], recordings[other] = recordings[one] + recordings[other], b""
    elif kind == 2:
        first = recordings[other].split(b"\n")[0]
        recordings[other] = first
    else:
        recordings[other] = b"x," + recordings[other]


def _flipped(dice: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.randint(1, 3)):
        if changed:
            changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _cut(dice: random.Random, content: bytes) -> bytes:
    return content[: dice.randint(0, len(content))]


def _inserted(dice: random.Random, content: bytes) -> bytes:
    at = dice.randint(0, len(content))
    piece = dice.choice(
        (b'"', b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b'"\n')
    )
    return content[:at] + piece + content[at:]


def _doubled(dice: random.Random, content: bytes) -> bytes:
    return content + content


def _other(dice: random.Random, content: bytes) -> bytes:
    return dice.choice(
        (
            b"",
            b"\n\n",
            b"\xef\xbb\xbf",
            zlib.compress(content),
            b"\x1f\x8b" + content,
            b"PAR1" + content,
            content.decode("utf-8", "replace").encode("utf-16"),
            content.replace(b",", b";"),
        )
    )


BYTES: tuple[Bytes, ...] = (_flipped, _cut, _inserted, _inserted, _doubled, _other)
