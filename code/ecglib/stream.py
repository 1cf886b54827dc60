"""One recording from bytes to clean rows: open, parse, number, clean and account."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from . import leads, workers
from .account import RecordingAccount, reasons
from .arguments import named
from .clean import Cleaner, Rows
from .csvblocks import BLOCK, CsvParser, LineBlocks
from .errors import StepError
from .messages import listed
from .recordings import Recording, opened


@dataclass(frozen=True)
class Reading:
    """How raw recordings are read.

    Attributes:
        leads: the --leads argument.
        fill: zero, interpolate or drop.
        max_gap: seconds.
        rate: samples per second, or None for time in the first column.
        header: auto, first or none: whether the first line has the columns' names.
        timed: False leaves time out (it is then 0): nobody asks for it.
        block: bytes read at a time; makes no difference to the rows.
    """

    leads: str = "all"
    fill: str = "zero"
    max_gap: float = 0.1
    rate: float | None = None
    header: str = "auto"
    timed: bool = True
    block: int = BLOCK


class RecordingStream:
    """The clean rows of a recording, as an iterable to go through once.

    Opens the file and reads its header at once, so that `layout` is known. Sample indices number
    every row that was read: a rejected row leaves a hole.
    """

    def __init__(self, recording: Recording, reading: Reading) -> None:
        self.recording = recording
        self._reading = reading
        with ExitStack() as stack:
            stream = stack.enter_context(opened(recording))
            self._lines = LineBlocks(stream, recording.source, reading.block)
            names, rows = self._lines.header(leads.LOOKAHEAD, there=reading.header != "none")
            if reading.header == "auto":
                leads.require_names(recording.source, names, rows)
            self.layout = leads.choose(reading.leads, recording.source, names, rows)
            self._open = stack.pop_all()
        self._read = self._written = 0
        self._rejected: Counter[str] = Counter()
        self._cleaner = Cleaner(len(self.layout.leads), reading.fill, reading.max_gap)
        self._times: list[float] = []

    def __iter__(self) -> Iterator[Rows]:
        """Yield the rows, in pieces of about a block.

        Raises:
            StepError: there are no rows, or none is good, or the file is damaged.
        """
        with self._open:
            timed = self._reading.timed and self._reading.rate is None
            positions = self.layout.positions
            # A column is parsed once even where the first is both time and lead.
            wanted = (0, *(p for p in positions if p)) if timed else positions
            places = [wanted.index(position) for position in positions]
            in_order = places == list(range(len(wanted) - len(places), len(wanted)))
            parser = CsvParser(self.layout.width, wanted)
            for block in workers.ordered(parser.parse, self._lines, 8 * self._reading.block):
                sample = block.rows + self._read
                self._read += block.lines
                self._rejected += block.rejected
                if timed:
                    time = block.values[0]
                elif self._reading.rate is not None:
                    time = sample / self._reading.rate
                else:
                    time = np.zeros(len(sample))
                # Basic slicing is a view; picking columns one by one would copy them.
                values = block.values[-len(places) :] if in_order else block.values[places]
                yield from self._kept(self._cleaner.feed(Rows(sample, time, values)))
            yield from self._kept(self._cleaner.finish())
        self._require_rows()

    def account(self, split: str) -> RecordingAccount:
        """Return the account of the rows, once all have been read."""
        names = self.layout.leads
        filled = self._cleaner.filled.tolist()
        return RecordingAccount(
            recording=self.recording.id,
            source=self.recording.source,
            split=split,
            read=self._read,
            written=self._written,
            filled=sum(filled),
            filled_by_lead=dict(zip(names, filled, strict=True)),
            rejected=dict(sorted((self._rejected + self._cleaner.rejected).items())),
            first_time=self._times[0] if self._reading.timed else None,
            last_time=self._times[1] if self._reading.timed else None,
        )

    def _kept(self, rows: Rows) -> Iterator[Rows]:
        if len(rows):
            self._written += len(rows)
            first = self._times[0] if self._times else float(rows.time[0])
            self._times = [first, float(rows.time[-1])]
            yield rows

    def _require_rows(self) -> None:
        source = self.recording.source
        if not self._read:
            raise StepError(f"{source}: a header but no rows: remove the file or complete it")
        if not self._written:
            rejected = self._rejected + self._cleaner.rejected
            raise StepError(
                f"{source}: all {self._read} rows are rejected ({reasons(rejected)}). "
                f"Leads: {listed(self.layout.leads)}; choose others with --leads, "
                f"another --fill, or {named('--sampling-rate')} if the first column is "
                "not a time in seconds"
            )
