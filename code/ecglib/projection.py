"""Rows through models to components: of parts, and of raw recordings by a spool."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from . import columns, components, model, spool, workers
from .columns import Floats
from .components import ComponentsFile
from .errors import StepError
from .messages import listed, say
from .model import Model, Options
from .momentfiles import RecordedMoments
from .moments import Accumulator, Moments
from .parts import Part, schema
from .recordings import Recording
from .split import SPLITS
from .staging import Staging
from .stream import Reading, RecordingStream

_PART_MEMORY = 1 << 26  # a row group as read, as an array, projected, and as written


@dataclass(frozen=True)
class Models:
    """The model of each recording, all of the same leads, and all keeping `kept` components.

    `shared` is the one model for every recording; without it, `by_recording` has one for each.
    """

    leads: tuple[str, ...]
    kept: int
    shared: Model | None = None
    by_recording: Mapping[str, Model] = field(default_factory=dict)

    def of(self, recording: str) -> Model:
        """Return the model of a recording."""
        try:
            return self.shared or self.by_recording[recording]
        except KeyError:
            raise StepError(
                f"no moments of recording {recording!r}: give --moments from the same run of "
                "Preprocess as the parts, from all its instances"
            ) from None

    @classmethod
    def fit_each(
        cls, leads: tuple[str, ...], recorded: Sequence[RecordedMoments], options: Options
    ) -> Self:
        """Fit each recording by itself.

        A table has one number of columns: with a share, as many components are kept as the most
        demanding recording needs to exceed it.
        """
        fitted = {
            str(one.recording): _fit(str(one.recording), leads, one.moments, options)
            for one in recorded
        }
        kept = max(one.kept for one in fitted.values())
        same = {name: replace(one, kept=kept) for name, one in fitted.items()}
        return cls(leads, kept, by_recording=same)


def find_parts(folder: str) -> dict[str, list[Path]]:
    """Return the parts below train/, validation/ and test/, by split; {} where there are none.

    Raises:
        StepError: two parts have one name, so that one's output would overwrite the other's.
    """
    found: dict[str, list[Path]] = {}
    for name in SPLITS:
        paths = sorted(Path(folder, name).rglob("*.parquet"), key=lambda path: path.name)
        for one, other in pairwise(paths):
            if one.name == other.name:
                raise StepError(f"{one} and {other} have the same name: parts' names must differ")
        if paths:
            found[name] = paths
    return found


class ComponentsWriter:
    """Writes components below a folder, staged."""

    def __init__(self, staging: Staging, folder: Path, kind: str, host: str) -> None:
        self._staging, self._folder, self._kind, self._host = staging, folder, kind, host

    def project(self, parts: dict[str, list[Path]], models: Models) -> None:
        """Project parts, each to a file of its name; without any, write a file of no rows."""
        table = schema(components.names(models.kept))
        rows = 0

        def project(where: tuple[str, Path, Path]) -> tuple[str, int]:
            name, path, target = where
            part = Part(path)
            with ComponentsFile(target, table, self._kind) as file:
                _project_part(part, models, file)
            return f"{name}/{path.name}", part.rows

        with closing(workers.ordered(project, self._targets(parts), _PART_MEMORY)) as projected:
            for name, count in projected:
                rows += count
                say(f"{name}: {count} rows")
        if not parts:
            final = self._folder / "split=train" / f"none-{self._host}.{self._kind}"
            with ComponentsFile(self._staging.path(final), table, self._kind):
                pass
        say(f"{self._host}: {rows} rows projected to {models.kept} components")

    def fit_and_project(self, recording: Recording, reading: Reading, options: Options) -> None:
        """Fit a raw recording and project it: its text is read once, its rows wait on disk."""
        stream = RecordingStream(recording, reading)
        leads = stream.layout.leads
        final = self._folder / f"pca_{recording.flat_name}.{self._kind}"
        with spool.opened(self._folder, len(leads)) as waiting:
            accumulator = Accumulator(len(leads))
            for rows in stream:
                accumulator.add(rows.values)
                waiting.add(rows)
            found = accumulator.result()
            found.require_range(recording.source, leads)
            fitted = _fit(recording.id, leads, found, options)
            with self._raw_file(final, fitted.kept) as file:

                def project(piece: tuple[Any, Floats]) -> Any:
                    sample, values = piece
                    names = [] if self._kind == "csv" else _names(recording.id, sample)
                    return file.encode(names, fitted.project(values))

                for encoded in workers.ordered(project, waiting, 12 * reading.block):
                    file.write_encoded(encoded)
        account = stream.account("")
        say(
            f"{recording.source}: {account.written} of {account.read} rows, {account.filled} cells "
            f"filled, {fitted.kept} components keep {fitted.ratio[: fitted.kept].sum():.4%}"
        )

    def idle(self) -> None:
        """Write a file of no rows, for an instance without recordings."""
        with self._raw_file(self._folder / f"none-{self._host}.{self._kind}", 0):
            pass

    def _targets(self, parts: dict[str, list[Path]]) -> Iterator[tuple[str, Path, Path]]:
        for name, paths in parts.items():
            for path in paths:
                final = self._folder / f"split={name}" / f"{path.stem}.{self._kind}"
                yield name, path, self._staging.path(final)

    def _raw_file(self, final: Path, kept: int) -> ComponentsFile:
        # As the usual script's to_csv(header=None, index=None) gives it. Parquet has names.
        fields = [(name, pa.float64()) for name in components.names(kept)]
        if self._kind == "parquet":
            fields = [
                ("recording", pa.dictionary(pa.int32(), pa.string())),
                ("sample", pa.int64()),
                *fields,
            ]
        path = self._staging.path(final)
        return ComponentsFile(path, pa.schema(fields), self._kind, header=False)


def _project_part(part: Part, models: Models, file: ComponentsFile) -> None:
    if part.rows and part.leads != models.leads:
        raise StepError(
            f"{part.path}: its leads are {listed(part.leads)}, but the moments' are "
            f"{listed(models.leads)}: give parts and moments of one run of Preprocess"
        )
    for group in range(part.groups):
        names, values = part.read(group)
        if not values.shape[1]:
            continue
        if models.shared:
            projected = models.shared.project(values)
        else:
            projected = _project_each(models, names[0], values)
        file.write(names, projected)


def _project_each(models: Models, recordings: Any, values: Floats) -> Floats:
    pieces = [
        models.of(recording).project(values[:, start:end])
        for recording, start, end in _runs(recordings)
    ]
    return np.concatenate(pieces, axis=1)


def _runs(recordings: Any) -> Iterator[tuple[str, int, int]]:
    """Yield each stretch of equal values of a dictionary column: value, first row, row after."""
    column = recordings.combine_chunks()
    names = column.dictionary.to_pylist()
    codes = columns.to_numpy(column.indices)
    starts = np.flatnonzero(np.diff(codes, prepend=-1)).tolist()
    for start, end in pairwise([*starts, len(codes)]):
        yield names[codes[start]], start, end


def _names(recording: str, sample: Any) -> list[Any]:
    return [columns.repeated([recording], [len(sample)]), columns.numbers(sample)]


def _fit(recording: str, leads: tuple[str, ...], moments: Moments, options: Options) -> Model:
    if moments.n < 2:
        raise StepError(
            f"recording {recording!r} has {moments.n} row, of at least 2 that a PCA needs: "
            "leave it out, or use --scope global"
        )
    return model.fit(leads, moments, options, f"recording {recording!r}")
