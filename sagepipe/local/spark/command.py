"""The command line of the managed Spark image: `smspark-submit [options] app [arguments]`.

Taken from the image's source (aws/sagemaker-spark-container, `smspark/cli.py`): a small set of
options, of which `--jars`, `--py-files` and `--files` may be a folder; no `--conf`, no `--master`.
What the image would do wrong without a word is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from sagepipe.errors import LocalError

PROGRAM = "smspark-submit"
_OPT_ML = PurePosixPath("/opt/ml")

_VALUES = {
    "--class": "main_class",
    "--jars": "jars",
    "--py-files": "py_files",
    "--files": "files",
    "--spark-event-logs-s3-uri": "event_logs_s3_uri",
    "--local-spark-event-logs-dir": "event_logs_dir",
}
_FILE_LISTS = ("jars", "py_files", "files")
# The image joins the command with spaces and hands it to a shell, which would act on these.
_SHELL = re.compile(r"""[\s"'\\$`;&|<>()]|^[#~]|^$""")


class SparkCommandError(LocalError):
    """The managed Spark image would refuse this command or configuration, or misread it."""


@dataclass(frozen=True)
class SparkCommand:
    """What smspark-submit was asked for. File lists are expanded and joined with commas."""

    app: str
    arguments: tuple[str, ...] = ()
    main_class: str | None = None
    jars: str | None = None
    py_files: str | None = None
    files: str | None = None
    event_logs_s3_uri: str | None = None
    event_logs_dir: str | None = None
    verbose: bool = False
    submit_options: tuple[str, ...] = field(init=False)
    """The options that spark-submit itself takes, as words."""

    def __post_init__(self) -> None:
        pairs = [
            ("--class", self.main_class),
            ("--jars", self.jars),
            ("--py-files", self.py_files),
            ("--files", self.files),
        ]
        words = ["--verbose"] if self.verbose else []
        words += [word for name, value in pairs if value for word in (name, value)]
        object.__setattr__(self, "submit_options", tuple(words))


def is_spark_submit(entrypoint: Sequence[str]) -> bool:
    """Whether a container's entrypoint is the managed Spark image's."""
    return bool(entrypoint) and PurePosixPath(entrypoint[0]).name == PROGRAM


def real_path(path: str, opt_ml: Path) -> Path:
    """Where a path that the process sees lies now; `opt_ml` will be its /opt/ml."""
    pure = PurePosixPath(path)
    return opt_ml / pure.relative_to(_OPT_ML) if pure.is_relative_to(_OPT_ML) else Path(path)


def parse(command: Sequence[str], opt_ml: Path) -> SparkCommand:
    """Read a full container command, expanding folders to the files at their top level.

    Paths in it, and expanded ones too, are as the process sees them. Raises SparkCommandError.
    """
    if not is_spark_submit(command):
        raise SparkCommandError(f"not a {PROGRAM} command: {' '.join(command) or '(empty)'}")
    options: dict[str, str] = {}
    verbose = False
    words = list(command[1:])
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            break
        if word in ("-v", "--verbose"):
            verbose = True
        elif name not in _VALUES:
            raise SparkCommandError(
                f"{PROGRAM} has no option {name}; it takes {', '.join(_VALUES)} and -v before the "
                "application. Spark's own settings go into the configuration channel "
                "(configuration.json, classification spark-defaults)"
            )
        elif not equals and not words:
            raise SparkCommandError(f"{PROGRAM} {name} needs a value")
        else:
            options[_VALUES[name]] = value if equals else words.pop(0)
    if not words:
        raise SparkCommandError(
            f"{PROGRAM} needs an application, a .py or .jar file, after its options"
        )
    for value in [*options.values(), *words]:
        # Where paths are rewritten, the name of this machine's folder is no concern of the image.
        if _SHELL.search(value.replace(str(opt_ml), str(_OPT_ML))):
            raise SparkCommandError(
                f"{PROGRAM} would misread {value!r}: the image passes its command to a shell "
                "unquoted, where spaces, quotes and the like are lost. Use a value without them"
            )
    for key in _FILE_LISTS:
        if key in options:
            options[key] = _expand("--" + key.replace("_", "-"), options[key], opt_ml)
    return SparkCommand(app=words[0], arguments=tuple(words[1:]), verbose=verbose, **options)


def _expand(option: str, value: str, opt_ml: Path) -> str:
    """One option's comma-separated list, its folders replaced by the files in them."""
    expanded: list[str] = []
    schemes = {urlparse(item).scheme for item in value.split(",")}
    if len(schemes) > 1:
        # The image judges the whole list by its first entry.
        raise SparkCommandError(
            f"{option} mixes s3 and local files, which the image can't read: {value}"
        )
    for item in value.split(","):
        scheme = urlparse(item).scheme
        if scheme in ("s3", "s3a"):
            expanded.append(item)
            continue
        if scheme or not PurePosixPath(item).is_absolute():
            raise SparkCommandError(
                f"{option} takes s3 URIs and absolute local paths, not {item!r}"
            )
        real = real_path(item, opt_ml)
        if real.is_dir():
            names = sorted(entry.name for entry in real.iterdir() if entry.is_file())
            if not names:
                raise SparkCommandError(f"{option}: no files at the top of the folder {item}")
            expanded += [str(PurePosixPath(item) / name) for name in names]
        elif real.is_file():
            expanded.append(item)
        else:
            raise SparkCommandError(f"{option}: {item} does not exist")
    return ",".join(expanded)
