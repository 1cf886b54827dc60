"""Compile LeadRanges.scala to a jar, with the Scala compiler in pip's pyspark: no JDK, no sbt.

python -m examples.spark.build_jar local-store/example-jars/lead-ranges.jar
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from sagepipe.local.spark import distribution

SOURCE = Path(__file__).parent / "code" / "LeadRanges.scala"


def build(jar: Path) -> None:
    """Write the jar. Raises CalledProcessError; the compiler has said why."""
    spark = distribution.find()
    with tempfile.TemporaryDirectory() as folder:
        classes = Path(folder)
        subprocess.run(
            [
                *(str(spark.java), *distribution.JAVA_OPTIONS),
                *("-cp", str(spark.spark_home / "jars" / "*")),
                *("scala.tools.nsc.Main", "-usejavacp", "-d", str(classes), str(SOURCE)),
            ],
            check=True,
        )
        jar.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(classes.rglob("*.class")):
                archive.write(path, path.relative_to(classes))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m examples.spark.build_jar JAR")
    build(Path(sys.argv[1]))
