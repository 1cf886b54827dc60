"""What a repository tells the toolkit: its pipelines, as frozen data.

    PROJECT = Project(
        Pipeline("clean", "Clean the tables", build=clean.build, code=CODE),
        Pipeline("report", "Make the monthly report", build=report.build, code=CODE),
    )

A builder takes a `Build` (settings, and the code that steps use) and returns an SDK pipeline of
any version, a dict, or JSON. The toolkit finds the project as `--project MODULE:NAME`, as
`project = "MODULE:NAME"` below `[tool.sagepipe]` in pyproject.toml, or as `pipelines:PROJECT`.
"""

from __future__ import annotations

import difflib
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagepipe.errors import NoProjectError, ProjectError

if TYPE_CHECKING:
    from sagepipe.building.build import Builder, Built
    from sagepipe.building.parameters import Parameter
    from sagepipe.building.scripts import Ask
    from sagepipe.language.definition import Definition
    from sagepipe.local.source import InputFolder, Source
    from sagepipe.report.figures import FindFigures
    from sagepipe.settings.facts import Settings

USUAL = "pipelines:PROJECT"

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}")


@dataclass(frozen=True)
class Pipeline:
    """One pipeline of a project.

    Attributes:
        name: how commands call it, and the name that it is deployed under unless settings say
            another.
        description: what it does, in a line; people see it in the console.
        build: makes the definition.
        code: the folder of the scripts that its steps run.
        parameters: what it can be given, for documentation; the definition has the last word.
        max_parallel_steps: steps that may run at the same time, unless settings say otherwise;
            not part of a definition.
        figures: reads what the steps of an execution left, for its summary, through the store's
            `list` and `read`. Of an execution on SageMaker it finds JSON files only, such as
            `report.figures.texts` gives.
        input: which parameters name the folder that a folder of the user's can stand in for, when
            it runs on one machine.
        cached_here: steps that the local engine may take from its step cache, which looks at the
            contents of inputs, although the definition keeps them from the service's, which
            compares URIs only: those that read a prefix that people add to.
        immutable: inputs, as `Step.Input`, that never change under their URI, so that a step which
            reads them may be cached by the service.
        throughput: a file of what its steps do in a second, for estimates; its form is told by
            `sagepipe.report.throughput`.
        ask: says which arguments of steps their scripts would refuse, before that costs anything;
            `sagepipe.building.scripts.by_scripts` asks the scripts themselves.
        looks_like: whether an object's key is that of something the pipeline reads; `doctor` wants
            one such object in each input that comes from outside.
    """

    name: str
    description: str
    build: Builder = field(repr=False)
    code: Path
    parameters: tuple[Parameter, ...] = field(default=(), repr=False)
    max_parallel_steps: int | None = None
    figures: FindFigures | None = field(default=None, repr=False)
    input: InputFolder | None = field(default=None, repr=False)
    cached_here: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    throughput: Path | None = None
    ask: Ask | None = field(default=None, repr=False)
    looks_like: Callable[[str], bool] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ProjectError(
                f"{self.name!r} is no name of a pipeline: it takes 1 to 256 letters, digits and "
                "hyphens, and begins and ends with a letter or digit"
            )

    def built(
        self,
        settings: Settings,
        defaults: Mapping[str, str | int | float | bool] | None = None,
    ) -> Built:
        """The definition and its artifacts for these settings. See `building.build.build`."""
        from sagepipe.building.build import build

        return build(self.build, self.code, settings, defaults)

    def checked(self, definition: Definition, given: Mapping[str, str]) -> tuple[str, ...]:
        """Check parameters before they cost money: by the definition, by the service's rules for
        jobs, and by the scripts. Returns what couldn't be checked, a line each.

        `definition` is the one that will run: this pipeline's, or an earlier version of it.

        Raises `ParameterError`, `DefinitionError`.
        """
        from sagepipe.building import scripts
        from sagepipe.language import foreseen

        values = foreseen.check(definition, given)
        return scripts.check(self.ask, self.code, definition, values) if self.ask else ()

    def source(self) -> Source:
        """All that it takes to run it on this machine: no account, no credentials."""
        from sagepipe.building import scripts
        from sagepipe.language.s3 import Location
        from sagepipe.local.source import Source
        from sagepipe.settings.facts import Settings

        built = self.built(Settings.local(self.name))
        objects = tuple((Location(built.bucket, one.key), one.data) for one in built.artifacts)
        return Source(
            built.document,
            self.name,
            objects,
            self.max_parallel_steps,
            self.input,
            self.cached_here,
            self.immutable,
            check=partial(scripts.check, self.ask, self.code) if self.ask else None,
        )


@dataclass(frozen=True, init=False)
class Project:
    """A repository's pipelines; the first is the one that commands are about by default."""

    pipelines: tuple[Pipeline, ...]

    def __init__(self, *pipelines: Pipeline) -> None:
        if not pipelines:
            raise ProjectError("a project needs a pipeline: Project(Pipeline(…), …)")
        names = [one.name for one in pipelines]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ProjectError(f"two pipelines of the project are called {twice[0]!r}; rename one")
        object.__setattr__(self, "pipelines", pipelines)

    def __getitem__(self, name: str) -> Pipeline:
        return self.pipeline(name)

    def __iter__(self) -> Iterator[Pipeline]:
        return iter(self.pipelines)

    def __len__(self) -> int:
        return len(self.pipelines)

    def pipeline(self, name: str | None = None) -> Pipeline:
        """The pipeline of that name, or the first. Raises `ProjectError`."""
        if name is None:
            return self.pipelines[0]
        named = {one.name: one for one in self.pipelines}
        if name not in named:
            close = difflib.get_close_matches(name, named, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(named)}"
            raise ProjectError(f"the project has no pipeline {name!r}; {hint}")
        return named[name]


def find(named: str | None = None, folder: Path | None = None) -> Project:
    """The project `named` MODULE:NAME, or that of `folder` (by default the current one).

    Raises `ProjectError`: there is none, or what is there is no project.
    """
    root = (folder or Path.cwd()).resolve()
    origin = "--project"
    if named is None:
        root, named, origin = _configured(root)
    module, separator, attribute = named.partition(":")
    if not separator or not module or not attribute:
        raise ProjectError(f"{origin} is {named!r}; write MODULE:NAME, such as {USUAL}")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        found = getattr(import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        # A module that is missing further in is the project's own bug, and keeps its traceback.
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise _missing(origin, named, root) from None
    if not isinstance(found, Project):
        raise ProjectError(
            f"{origin}: {named} is {'missing' if found is None else f'a {type(found).__name__}'}; "
            "it must be a sagepipe.Project"
        )
    return found


def _configured(folder: Path) -> tuple[Path, str, str]:
    """The root that imports start at, MODULE:NAME, and where that comes from."""
    for root in (folder, *folder.parents):
        path = root / "pyproject.toml"
        if path.is_file():
            return root, *_of_file(path)
    return folder, USUAL, "the current folder"


def _of_file(path: Path) -> tuple[str, str]:
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProjectError(f"{path} can't be read: {error}") from error
    table = content.get("tool", {}).get("sagepipe", {})
    named = table.get("project", USUAL)
    if not isinstance(named, str):
        raise ProjectError(f"{path}: [tool.sagepipe] project is {named!r}; write MODULE:NAME")
    return named, f"[tool.sagepipe] in {path}" if "project" in table else f"the folder of {path}"


def _missing(origin: str, named: str, root: Path) -> ProjectError:
    if origin == "--project" or "tool.sagepipe" in origin:
        return ProjectError(f"{origin} names {named}, and there is no such module below {root}")
    return NoProjectError(
        f"there is no project here: {root} has no package pipelines/ with a PROJECT; go to your "
        "repository, or name the project: sagepipe --project MODULE:NAME VERB …"
    )
