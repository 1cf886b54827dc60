"""Windows of components as Spark DataFrames: rows to fragments once, fragments to windows.

A fragment is what windows need to know of a run of rows that no window's edge lies in; see
java/Cells.java and java/Summary.java. Rows become fragments where they are read, only fragments are
shuffled, and each window is folded from its few. So rows are neither copied nor sorted, a long
recording is shared between executors, and memory does not depend on its length.

Fragments are computed by Java (see `compiled`) from the batches of columns that Spark's Parquet
reader has, or else from rows. Batches are several times faster, but not part of Spark's public
interface: where they are not to be had, rows are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from .compiled import Classes

READERS = ("batches", "rows")

BAD_INPUT = "bad components: "
"""What errors of the Java code begin with that are the input's fault."""

_ROW = (("split", "string"), ("recording", "string"), ("sample", "long"), ("time", "double"))
_FRAGMENT = (
    *(("split", "string"), ("recording", "string"), ("block", "long"), ("cell", "long")),
    *(("first", "long"), ("last", "long"), ("summary", "binary")),
)
_WINDOW = (
    *(("split", "string"), ("recording", "string"), ("window", "long")),
    *(("start", "double"), ("n", "long")),
)
_KINDS = (
    *(("mean", "double"), ("std", "double"), ("min", "double"), ("max", "double")),
    *(("energy", "double"), ("zero_crossings", "long")),
)


@dataclass(frozen=True)
class Windows:
    """Length and distance of the windows, in whole microseconds.

    Integers, since 0.1 s is no binary fraction: with floats a sample on an edge would fall to
    either side of it, by the edge's number.
    """

    length: int
    step: int


@dataclass(frozen=True)
class Fragments:
    """Fragments of components, and how those are read, for the log."""

    table: DataFrame
    how: str


class Features:
    """Makes windows of components.

    Args:
        names: the columns that get features.
        windows: which windows there are.
        classes: of the Java sources.
    """

    def __init__(self, names: Sequence[str], windows: Windows, classes: Classes) -> None:
        self._names = tuple(names)
        self._classes = classes
        self._java = classes.new("Features", windows.length, windows.step, len(names))

    def fragments(self, components: DataFrame, reader: str = "batches") -> Fragments:
        """Return the fragments of components: split, recording, sample, time and the names.

        Args:
            components: rows of any files, in any order.
            reader: "rows", or "batches", which is "rows" where there are none.
        """
        from py4j.protocol import Py4JJavaError
        from pyspark.sql import functions as F

        wanted = (*_ROW, *((name, "double") for name in self._names))
        columns = (F.col(name).cast(kind).alias(name) for name, kind in wanted)
        rows: Any = components.select(*columns)
        session = components.sparkSession
        schema = _java_schema(session, _FRAGMENT)
        why = self._classes.without if reader == "batches" else "as asked"
        if not why:
            try:
                scan = self._classes.new("Scan")
                made = self._classes.call(scan, "fragments", self._java, rows._jdf, schema)
                return Fragments(_frame(session, made), "in batches of columns")
            except Py4JJavaError as error:
                # Whatever it is that a version of Spark has changed: rows can always be had.
                why = str(error.java_exception.getCause())
        made = self._classes.call(self._java, "fragmentsOfRows", rows._jdf, schema)
        return Fragments(_frame(session, made), f"row by row: {why}")

    def windows(self, fragments: DataFrame, counts: Mapping[str, Any]) -> DataFrame:
        """Return the windows of fragments: split, recording, window, start, n and features.

        Args:
            fragments: all those of each recording.
            counts: for each split a Java accumulator, which counts the windows that are written.
        """
        place = ("split", "recording", "block")
        near: Any = fragments.repartition(*place).sortWithinPartitions(*place, "cell", "first")
        session = fragments.sparkSession
        columns = ((f"{name}_{kind}", type_) for name in self._names for kind, type_ in _KINDS)
        schema = _java_schema(session, (*_WINDOW, *columns))
        made = self._classes.call(
            self._java, "windows", near._jdf, schema, _java_map(session, counts)
        )
        return _frame(session, made)


def _java_schema(session: SparkSession, columns: Iterable[tuple[str, str]]) -> Any:
    """Columns of whole numbers, which are counts, are never null."""
    from pyspark.sql import types

    schema = types.StructType()
    for name, kind in columns:
        schema.add(name, kind, nullable=kind != "long" or name == "window")
    java_session: Any = session
    return java_session._jsparkSession.parseDataType(schema.json())


def _java_map(session: SparkSession, items: Mapping[str, Any]) -> Any:
    java_session: Any = session
    made = java_session._jvm.java.util.HashMap()
    for key, value in items.items():
        made.put(key, value)
    return made


def _frame(session: SparkSession, made: Any) -> DataFrame:
    from pyspark.sql import DataFrame

    return DataFrame(made, session)
