"""Spark's classes in an archive that the JVM maps, since loading them is most of a short job.

Java calls it application class data sharing. An archive fits one Java, one class path and one set
of flags, which its name in the cache holds as a hash; with anything else Java quietly does without.
`warm` makes it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from sagepipe.local.spark.distribution import JAVA_OPTIONS, Distribution

BASE, CLASSES, MADE = "base.jsa", "classes.jsa", "made.json"


@dataclass(frozen=True)
class Archive:
    """The archive of some class path: a folder of two files, the second one on top of the first.

    `made.json` has their sizes: it is written last, and tells a whole archive from a broken one.
    """

    folder: Path

    @property
    def base(self) -> Path:
        """Java's own classes."""
        return self.folder / BASE

    @property
    def classes(self) -> Path:
        """Those of Spark."""
        return self.folder / CLASSES

    @property
    def option(self) -> str:
        """What Java is started with to use both."""
        return f"-XX:SharedArchiveFile={self.base}:{self.classes}"

    def finish(self) -> None:
        """Write what `is_made` goes by."""
        sizes = {path.name: path.stat().st_size for path in (self.base, self.classes)}
        (self.folder / MADE).write_text(json.dumps(sizes), encoding="utf-8")

    def is_made(self) -> bool:
        """Whether it is there and whole."""
        try:
            sizes = json.loads((self.folder / MADE).read_text(encoding="utf-8"))
            found = {path.name: path.stat().st_size for path in (self.base, self.classes)}
            return bool(found == sizes)
        except (OSError, ValueError):
            return False

    def drop(self) -> str:
        """Remove what is there of one that is not made; returns a sentence if that was anything."""
        if not self.folder.exists():
            return ""
        shutil.rmtree(self.folder, ignore_errors=True)
        return f"{self.folder} was not whole and is removed: without it Spark starts more slowly."


def of(spark: Distribution, class_path: str, cache: Path) -> Archive:
    """The archive of Spark with some class path before its own, made or not."""
    facts = [*JAVA_OPTIONS, str(spark.java_home), str(spark.spark_home), class_path]
    digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    return Archive(cache / f"{spark.key}-classes-{digest}")
