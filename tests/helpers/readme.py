"""The commands of a README, and whether they print what it says.

They are in blocks of the language `console`: `$ ` begins a command, and what follows it is all that
it prints on standard output, where `…` stands for anything.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ANYTHING = "…"

_HEADING = re.compile(r"^#+ (.*)$")


@dataclass(frozen=True)
class Command:
    """A command, the heading that it stands under, and what it prints."""

    heading: str
    text: str
    prints: str

    def matches(self, printed: str) -> bool:
        pattern = ".*?".join(map(re.escape, self.prints.rstrip().split(ANYTHING)))
        return re.fullmatch(pattern, printed.rstrip(), re.DOTALL) is not None


def commands(text: str) -> list[Command]:
    """Those of a README, in order."""
    found: list[Command] = []
    heading, inside, begun, printed = "", False, "", list[str]()

    def end() -> None:
        if begun:
            found.append(Command(heading, begun, "".join(f"{line}\n" for line in printed)))

    for line in text.splitlines():
        if line.startswith("```"):
            end()
            begun, printed, inside = "", [], line == "```console"
        elif inside and line.startswith("$ "):
            end()
            begun, printed = line.removeprefix("$ "), []
        elif inside:
            printed.append(line)
        elif match := _HEADING.match(line):
            heading = match[1]
    return found


def try_out(command: Command, folder: Path, environment: Mapping[str, str]) -> None:
    """Run it as somebody would who stands in `folder`."""
    done = subprocess.run(
        ["bash", "-c", f"set -eo pipefail; {command.text}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    said = f"$ {command.text}\n{done.stdout}{done.stderr}"
    assert done.returncode == 0, said
    assert command.matches(done.stdout), f"{said}\nThe README says:\n{command.prints}"
