"""Raw recordings from Pipe mode: told apart in one stream by the manifest and repeated headers.

SageMaker streams an input's objects one after the other, with nothing between them, through
`<name>_0` in the input's folder; `<name>-manifest` beside it has a first line to skip and then
their URIs, in order. A recording begins where the first one's header comes again, at the start of
a line or right behind a last row without a line end. So Pipe mode asks more than File mode does:
all recordings of an instance have the same header, nothing else lies among them, and they are
all packed or none is. Where the headers found don't match the manifest, that is an error.
"""

import gzip
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, cast
from zlib import error as ZlibError

from .csvblocks import BLOCK, MAX_LINE
from .errors import StepError
from .leads import MISSING, is_name
from .recordings import Recording, distinct, is_recording, named

MANIFEST = "-manifest"
FILE_MODE = "use File mode (InputMode=File)"

_BOM = b"\xef\xbb\xbf"
_LINE_ENDS = (ord("\r"), ord("\n"))
_FIRST_LINE = re.compile(rb"[\r\n]*(?:\xef\xbb\xbf[\r\n]*)?(?!\xef\xbb\xbf[\r\n])([^\r\n]+)[\r\n]")
_NUMBER = re.compile(rb"\s*[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?\s*")


class Readable(Protocol):
    """What a stream must be able to do here."""

    def read(self, size: int = ..., /) -> bytes:
        """Return up to `size` bytes, none only at the end."""


class PipedRecordings:
    """The recordings of a piped input, to go through once, each to its end before the next.

    Args:
        folder: the input's folder, with the manifest and the pipe.
        uri: the input's S3 URI; sources are named as files would be below that prefix.
        block: bytes read at a time; makes no difference to the recordings.

    Raises:
        StepError: there is no manifest, or it lists what can't be read here.
    """

    def __init__(self, folder: str, uri: str, block: int = BLOCK) -> None:
        manifest = _manifest(Path(folder))
        self._pipe = manifest.with_name(f"{manifest.name.removesuffix(MANIFEST)}_0")
        self._block = block
        sources = [_source(line, uri) for line in _lines(manifest)[1:] if line]
        _require_alike(sources)
        self._found = distinct(folder, (named(source, self._pipe) for source in sources))
        if sources != sorted(sources):
            print("the pipe is not in the order of names: so will be the rows", flush=True)

    def __len__(self) -> int:
        """How many recordings the manifest lists."""
        return len(self._found)

    def __iter__(self) -> Iterator[Recording]:
        """Yield the recordings, each with its part of the stream.

        Raises:
            StepError: the pipe is damaged, or has more or fewer recordings than the manifest.
        """
        if not self._found:
            return
        if not self._pipe.exists():
            raise StepError(f"{self._pipe}: there is a manifest, but no such pipe")
        with open(self._pipe, "rb", buffering=BLOCK) as stream:
            sections = _Sections(_unpacked(stream), self._found, self._block)
            for recording in self._found:
                yield named(recording.source, self._pipe, cast(BinaryIO, sections))
                sections.advance()


class _Sections:
    """A stream that reads as ended where the next header begins, until `advance` is called."""

    def __init__(self, stream: Readable, found: list[Recording], block: int) -> None:
        self._stream, self._found, self._block = stream, found, block
        self._ready: deque[bytes | None] = deque()  # None: here the next section begins
        self._rest = b""  # of the line that isn't whole yet
        self._header: bytes | None = None
        self._ended = False
        self._current = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return a piece of the section, of whatever size, and nothing at its end."""
        while not self._ready and not self._ended:
            self._fill()
        if not self._ready or self._ready[0] is None:
            return b""
        return self._ready.popleft() or b""

    def advance(self) -> None:
        """Go to the next section, which must be there unless this is the last."""
        while self.read():
            pass
        more = bool(self._ready)
        self._current += 1
        if more == (self._current < len(self._found)):
            if more:
                self._ready.popleft()
            return
        count = f"{len(self._found)} recordings are listed in the manifest"
        header = (self._header or b"").decode("utf-8", "replace")
        if more:
            raise StepError(
                f"{self._pipe_name}: {count}, but the header {header!r} comes more often: a "
                f"recording repeats its header. Remove those lines, or {FILE_MODE}"
            )
        raise StepError(
            f"{self._pipe_name}: {count}, but only {self._current} have the header {header!r}: "
            f"the others have another or none. Give all the same header, or {FILE_MODE}"
        )

    @property
    def _pipe_name(self) -> Path:
        return self._found[0].path

    def _fill(self) -> None:
        data = self._read()
        self._ended = not data
        text = self._rest + data
        # A "\r" at the very end may be the first half of a "\r\n".
        cut = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
        if self._ended or (not cut and len(text) > MAX_LINE):  # the section's reader refuses that
            cut = len(text)
        if self._header is None and not self._ended and len(text) <= MAX_LINE:
            # Nothing goes out before the header is there, so that no block ends within a mark and
            # the blank lines around it.
            cut = cut if _FIRST_LINE.match(text[:cut]) else 0
        lines, self._rest = text[:cut], text[cut:]
        start = 0
        for begin in self._beginnings(lines):
            self._ready += [lines[start:begin], None]
            start = begin
        if start < len(lines):
            self._ready.append(lines[start:])

    def _beginnings(self, lines: bytes) -> Iterator[int]:
        """Yield where in these whole lines a recording begins, but for the very first."""
        after = 0
        if self._header is None:
            match = _FIRST_LINE.match(lines)
            if match is None:
                return
            self._header, after = self._usable(match[1]), match.end()
        header = self._header
        place = lines.find(header, after)
        while place >= 0:
            end = place + len(header)
            if end == len(lines) or lines[end] in _LINE_ENDS:
                marked = lines.endswith(_BOM, 0, place)
                begin = place - len(_BOM) if marked else place
                if marked or _may_begin(lines, begin):
                    yield begin
            place = lines.find(header, place + 1)

    def _usable(self, header: bytes) -> bytes:
        text = header.decode("utf-8", "replace")
        cells = [cell.strip(" \t\"'") for cell in text.split(",")]
        if all(cell in MISSING or _NUMBER.fullmatch(cell.encode()) for cell in cells):
            raise StepError(
                f"{self._found[0].source}: its header {text!r} could be a row, so "
                f"recordings can't be told apart in a pipe: name the columns, or {FILE_MODE}"
            )
        return header

    def _read(self) -> bytes:
        try:
            return self._stream.read(self._block)
        except (EOFError, gzip.BadGzipFile, ZlibError) as error:
            raise StepError(
                f"{self._found[self._current].source}: damaged gzip data in the pipe, here or in "
                f"what follows ({error}): upload it again or remove it"
            ) from None


class _Joined:
    """A stream whose first bytes have been read already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, none only at the end."""
        head, self._head = self._head, b""
        return head or self._stream.read(size)


def _unpacked(stream: BinaryIO) -> Readable:
    """What is in a stream. The names don't tell: SageMaker itself unpacks if it is asked to."""
    head = stream.read(2)
    joined = _Joined(head, stream)
    return gzip.GzipFile(fileobj=cast(BinaryIO, joined)) if head == b"\x1f\x8b" else joined


def _may_begin(lines: bytes, place: int) -> bool:
    """Whether a header's text is a header here: at a line's start, or behind a last row that has
    no line end. Then there are more cells than columns, or just a number in front of it, and no
    name, which would make it another header."""
    start = max(lines.rfind(b"\n", 0, place), lines.rfind(b"\r", 0, place)) + 1
    first, comma, _ = lines[start:place].partition(b",")
    if comma:
        return not is_name(first.decode("utf-8", "replace").strip(" \t\"'"))
    return not first or _NUMBER.fullmatch(first) is not None


def _manifest(folder: Path) -> Path:
    found = sorted(folder.glob(f"*{MANIFEST}"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise StepError(
            f"{folder}: Pipe mode needs one *{MANIFEST} file, but there is {names}: check --input "
            "and that the input's S3InputMode is Pipe"
        )
    return found[0]


def _lines(manifest: Path) -> list[str]:
    try:
        text = manifest.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise StepError(f"{manifest}: not a manifest: its text is not UTF-8 ({error})") from None
    # `splitlines` would also split at U+2028 and its like, which a key may hold.
    return [line.removesuffix("\r") for line in text.split("\n")]


def _source(uri: str, prefix: str) -> str:
    """What File mode would call an object below the input's folder."""
    if not uri.startswith(prefix):
        raise StepError(f"{uri} is in the pipe's manifest, but not below --input-uri {prefix!r}")
    rest = uri[len(prefix) :]
    if not rest or not (prefix.endswith("/") or rest.startswith("/")):
        rest = uri[prefix.rfind("/") + 1 :]
    return "/".join(part for part in rest.split("/") if part not in ("", "."))


def _require_alike(sources: list[str]) -> None:
    others = [source for source in sources if not is_recording(source)]
    if others:
        raise StepError(
            f"{others[0]}: not a recording (*.csv, *.csv.gz), and a pipe can't leave it out: keep "
            f"it elsewhere, or {FILE_MODE}"
        )
    packed = [source for source in sources if source.lower().endswith(".gz")]
    plain = [source for source in sources if source not in set(packed)]
    if packed and plain:
        raise StepError(
            f"{packed[0]} is packed and {plain[0]} is not, which can't be told apart in a pipe: "
            f"pack all or none, or {FILE_MODE}"
        )
