"""Whole prefixes of S3 or folders, through Hadoop's file systems."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from .errors import StepError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def checked_uris(source: str, output: str) -> tuple[str, str]:
    """Input and output, without a slash at the end. Raises StepError.

    The output replaces what is there, so it may be neither a whole bucket nor hold the input.
    """
    source, output = source.rstrip("/"), output.rstrip("/")
    _, colon, path = output.rpartition("://")
    parent, _, name = path.rpartition("/")
    if not name or (colon and not parent):
        raise StepError(f"--output {output}: is a whole bucket or root; name a prefix in it")
    plain_source, plain_output = (re.sub(r"^s3a://", "s3://", uri) for uri in (source, output))
    if f"{plain_source}/".startswith(f"{plain_output}/"):
        raise StepError(f"--output {output}: would replace the input, {source}")
    if f"{plain_output}/".startswith(f"{plain_source}/"):
        raise StepError(f"--output {output}: lies in the input, {source}")
    return source, output


def beside(output: str, what: str) -> str:
    """A prefix beside the output; the underscore hides it from readers of the parent prefix."""
    parent, slash, name = output.rpartition("/")
    return f"{parent}{slash}_{name}.{what}"


class Storage:
    """Whole prefixes, through Hadoop's file systems: S3 and a folder alike."""

    def __init__(self, spark: SparkSession) -> None:
        session: Any = spark
        self._jvm = session._jvm
        self._configuration = session._jsc.hadoopConfiguration()

    def splits(self, uri: str, *, required: bool = True) -> list[str]:
        """The splits below a prefix, by its folders' names. Raises StepError if it has none."""
        files, path = self._open(uri)
        found = []
        if files.exists(path):
            names = (status.getPath().getName() for status in files.listStatus(path))
            found = sorted(unquote(name[6:]) for name in names if name.startswith("split="))
        if required and not found:
            raise StepError(
                f"--input {uri}: no components there; expected folders split=<split>/ with "
                "Parquet files, as pca.py writes them"
            )
        return found

    def replace(self, output: str, staging: str) -> None:
        """Let a staging prefix take the output's place, and then create `_SUCCESS`.

        What was there stays, set aside, until all of the new stands: whenever this is killed, the
        old or the new is whole. On S3 a rename is a copy, object by object, so `_SUCCESS` goes
        first and comes last.
        """
        files, path = self._open(output)
        aside = self._jvm.org.apache.hadoop.fs.Path(beside(output, "previous"))
        if files.exists(self._success(path)):
            files.delete(aside, True)
            files.delete(self._success(path), False)
            self._rename(files, path, aside)
            files.create(self._success(aside), True).close()
        files.delete(path, True)
        files.mkdirs(path.getParent())
        self._rename(files, self._open(staging)[1], path)
        files.create(self._success(path), True).close()
        files.delete(aside, True)

    def _rename(self, files: Any, source: Any, target: Any) -> None:
        if not files.rename(source, target):
            raise StepError(f"cannot move {source.toString()} to {target.toString()}")

    def _success(self, path: Any) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path, "_SUCCESS")

    def delete(self, uri: str) -> None:
        """Delete everything below a prefix; nothing there is no error."""
        files, path = self._open(uri)
        files.delete(path, True)

    def _open(self, uri: str) -> tuple[Any, Any]:
        from py4j.protocol import Py4JJavaError

        path = self._jvm.org.apache.hadoop.fs.Path(uri)
        try:
            return path.getFileSystem(self._configuration), path
        except Py4JJavaError as error:
            raise StepError(f"cannot open {uri}: {error.java_exception.getMessage()}") from None
