"""Makes the archive of Spark's classes: `python -m sagepipe.local.spark.warm CACHE`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from sagepipe.errors import LocalError
from sagepipe.local.spark import archive, distribution, submit
from sagepipe.local.spark.archive import Archive
from sagepipe.local.store import Store

TRAINING = Path(__file__).with_name("training.py")


class WarmError(LocalError):
    """The archive can't be made."""


def warm(cache: Path) -> bool:
    """Make the archive that jobs without a class path of their own use; False if it is there.

    Takes about 20 s of CPU time and 150 MB. Several processes may make it at once: each makes its
    own and renames it. Raises WarmError, and SparkCommandError where there is no Spark.
    """
    cache = cache.absolute()
    spark = distribution.find()
    jar = distribution.file_system_jar(spark, cache)
    wanted = archive.of(spark, str(jar), cache)
    if wanted.is_made():
        return False
    with tempfile.TemporaryDirectory(dir=cache, prefix=".warm-") as folder:
        made = Archive(Path(folder, "archive"))
        made.folder.mkdir()
        dump = ("-Xshare:dump", f"-XX:SharedArchiveFile={made.base}")
        _run([str(spark.java), *distribution.JAVA_OPTIONS, *dump], {})
        _train(made, Path(folder), cache)
        made.finish()
        wanted.drop()
        try:
            os.rename(made.folder, wanted.folder)
        except OSError:
            if not wanted.is_made():
                raise
    return True


def _train(made: Archive, folder: Path, cache: Path) -> None:
    opt_ml = folder / "opt-ml"
    (folder / "store/training").mkdir(parents=True)
    opt_ml.mkdir()
    shutil.copy(TRAINING, opt_ml)
    launch = submit.prepare(
        [
            *("smspark-submit", "--spark-event-logs-s3-uri", "s3://training/events"),
            *(str(opt_ml / TRAINING.name), "s3://training/tables"),
        ],
        opt_ml=opt_ml,
        store=Store(folder / "store"),
        work=folder / "work",
        cache=cache,
        cores=2,
        sharing=[
            f"-XX:SharedArchiveFile={made.base}",
            f"-XX:ArchiveClassesAtExit={made.classes}",
            "-Xlog:disable",  # or a line for each class that can't be kept
        ],
    )
    _run(launch.argv, launch.env)
    if not made.classes.exists():
        raise WarmError(f"Java wrote no archive of Spark's classes to {made.classes}")


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise WarmError(
            f"the archive of Spark's classes can't be made: {command[0]} exited with "
            f"{done.returncode}: {' / '.join(said[-3:])[:600]}"
        )


if __name__ == "__main__":
    warm(Path(sys.argv[1]))
