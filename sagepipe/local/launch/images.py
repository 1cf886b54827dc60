"""`--image URI=COMMAND`: what stands in for a container image on this machine.

A job's image brings an ENTRYPOINT, packages and system tools; here there is only this machine's
Python. COMMAND supplies what is missing, in one of two forms:

- Without a placeholder it is the image's ENTRYPOINT. As with Docker, it is used when the
  definition has no ContainerEntrypoint, followed by the ContainerArguments, and has no part in a
  job that brings its own entrypoint.
- With placeholders it is the whole command. `{command}` stands for the definition's entrypoint and
  arguments, a word each; `{image}`, `{host}` and `{environment}` (a file of NAME=VALUE lines) for
  what they say. With `{opt_ml}`, the folder that is the instance's /opt/ml, the command itself must
  put that folder at /opt/ml: nothing else is rewritten or linked then. `{docker}` stands for the
  words that end a `docker run`: `--entrypoint`, the image, and the arguments.

    --image '*scikit-learn*=env VIRTUAL_ENV=/venvs/old /venvs/old/bin/env {command}'
    --image '*/mine:1=docker run --rm --env-file {environment} -v {opt_ml}:/opt/ml {docker}'

URI is the image's URI or a pattern of the shell's kind; of several that match, the last counts.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sagepipe.errors import ParameterError, UnsupportedError

_PLACEHOLDER = re.compile(r"\{(command|docker|environment|host|image|opt_ml)\}")


@dataclass(frozen=True)
class Image:
    """A stand-in for the images whose URI matches `pattern`."""

    pattern: str
    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Image:
        """Read URI=COMMAND. Raises ParameterError."""
        pattern, _, command = text.partition("=")
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise ParameterError(f"--image {text}: {error}") from error
        if not pattern or not words:
            raise ParameterError(f"--image {text}: write --image URI=COMMAND")
        return cls(pattern, words)

    @property
    def wraps(self) -> bool:
        """Whether it is the whole command, and not just an ENTRYPOINT."""
        return any(_PLACEHOLDER.search(word) for word in self.words)

    @property
    def contains(self) -> bool:
        """Whether it gives the process its /opt/ml itself."""
        return any("{opt_ml}" in word for word in self.words)

    @property
    def names_environment(self) -> bool:
        """Whether it reads the job's variables from a file."""
        return any("{environment}" in word for word in self.words)


def find(images: Sequence[Image], uri: str) -> Image | None:
    """The stand-in for an image, if there is one."""
    matching = [image for image in images if fnmatch.fnmatchcase(uri, image.pattern)]
    return matching[-1] if matching else None


def command(
    image: Image | None,
    uri: str,
    entrypoint: Sequence[str],
    arguments: Sequence[str],
    values: Mapping[str, str],
) -> list[str]:
    """The command of an instance; `values` are those of the placeholders host, opt_ml and
    environment.

    Raises:
        UnsupportedError: only the image knows what to run, and nothing stands in for it.
    """
    if image is not None and image.wraps:
        docker = [*(["--entrypoint", entrypoint[0]] if entrypoint else []), uri]
        lists = {
            "{command}": [*entrypoint, *arguments],
            "{docker}": [*docker, *entrypoint[1:], *arguments],
        }
        known = {**values, "image": uri}
        filled: list[str] = []
        for word in image.words:
            filled += lists.get(word) or [
                _PLACEHOLDER.sub(lambda match: known.get(match[1], match[0]), word)
            ]
        return filled
    if entrypoint:
        return [*entrypoint, *arguments]
    if image is not None:
        return [*image.words, *arguments]
    raise UnsupportedError(
        f"there is no ContainerEntrypoint, and what {uri} runs by itself is not known here; give "
        f"the processor an entrypoint or a command, or say it with --image '{uri}=COMMAND'"
    )
