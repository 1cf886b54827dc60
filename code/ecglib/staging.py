"""Files that appear under their final names all together, or not at all."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from .errors import StepError


class Staging:
    """Hands out temporary names beside the final ones; renames them when its block succeeds.

    The temporary file lies in the final file's folder, because each output of a container may
    be a mount of its own, which a rename can't cross. On any exception the temporary files are
    removed; a killed process leaves only hidden `.*.tmp` names, which readers of Parquet skip.
    """

    def __init__(self) -> None:
        self._files: dict[Path, Path] = {}
        self._stale: list[Path] = []

    def path(self, final: Path) -> Path:
        """Return the name to write to in place of `final`, whose folder is made.

        Raises:
            StepError: the name has been given before: one file would overwrite the other.
        """
        if final in self._files:
            raise StepError(f"{final}: two outputs have this name: rename one of their inputs")
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = final.with_name(f".{final.name}.tmp")
        self._files[final] = temporary
        return temporary

    def write_text(self, final: Path, text: str) -> None:
        """Stage a small UTF-8 file."""
        self.path(final).write_text(text, encoding="utf-8")

    def replace(self, folder: Path, pattern: str) -> None:
        """Have files of an earlier run removed that match and are not written anew."""
        if folder.is_dir():
            self._stale += folder.glob(pattern)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            for temporary in self._files.values():
                temporary.unlink(missing_ok=True)
            return
        for path in self._stale:
            if path not in self._files:
                path.unlink(missing_ok=True)
        for final, temporary in self._files.items():
            os.replace(temporary, final)
