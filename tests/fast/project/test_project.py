"""A repository's PROJECT: what it may hold, and how it is found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sagepipe import Pipeline, Project, project
from sagepipe.errors import NoProjectError, ProjectError

SOURCE = """\
from pathlib import Path

from sagepipe import Pipeline, Project

PROJECT = Project(
    *(Pipeline(name, "A pipeline", lambda _: {{}}, Path(__file__).parent) for name in {names})
)
"""


def pipeline(name: str) -> Pipeline:
    return Pipeline(name, "A pipeline", lambda _: {}, Path())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stranger's repository; what it brings is gone from this process afterwards."""
    # What this test run itself has on its path is no part of the stranger's.
    monkeypatch.setattr(
        sys, "path", [one for one in sys.path if not Path(one, "pipelines").is_dir()]
    )
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    saved = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_projects(name)}
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
    for name in [name for name in sys.modules if _is_projects(name)]:
        del sys.modules[name]
    sys.modules.update(saved)


def _is_projects(name: str) -> bool:
    return name.split(".")[0] in ("pipelines", "elsewhere")


def write(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(SOURCE.format(names=names))


def test_the_first_is_the_default() -> None:
    made = Project(pipeline("clean"), pipeline("report"))
    assert made.pipeline() is made["clean"]
    assert [one.name for one in made] == ["clean", "report"]
    assert len(made) == 2


@pytest.mark.parametrize(
    ("name", "hint"),
    [("repord", "did you mean report?"), ("xyz", "there are clean, report")],
)
def test_a_pipeline_that_there_is_not(name: str, hint: str) -> None:
    with pytest.raises(ProjectError, match="has no pipeline") as caught:
        Project(pipeline("clean"), pipeline("report")).pipeline(name)
    assert hint in str(caught.value)


def test_names_are_those_that_can_be_deployed() -> None:
    with pytest.raises(ProjectError, match="'a_b' is no name of a pipeline"):
        pipeline("a_b")
    with pytest.raises(ProjectError, match="two pipelines of the project are called 'a'"):
        Project(pipeline("a"), pipeline("a"))
    with pytest.raises(ProjectError, match="a project needs a pipeline"):
        Project()


def test_it_is_found_in_pipelines(repository: Path) -> None:
    write(repository / "pipelines", "clean")
    assert project.find().pipeline().name == "clean"


def test_it_is_found_from_below_by_pyproject(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(repository / "elsewhere", "clean")
    (repository / "pyproject.toml").write_text('[tool.sagepipe]\nproject = "elsewhere:PROJECT"\n')
    (repository / "deep").mkdir()
    monkeypatch.chdir(repository / "deep")
    assert project.find().pipeline().name == "clean"


def test_it_can_be_named(repository: Path) -> None:
    write(repository / "elsewhere", "clean", "other")
    assert len(project.find("elsewhere:PROJECT")) == 2


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("elsewhere", "--project is 'elsewhere'; write MODULE:NAME"),
        ("nowhere:PROJECT", "--project names nowhere:PROJECT, and there is no such module"),
        ("elsewhere:NONE", "elsewhere:NONE is missing; it must be a sagepipe.Project"),
        ("elsewhere:Path", "elsewhere:Path is a type; it must be a sagepipe.Project"),
    ],
)
def test_what_is_named_wrongly_is_told(repository: Path, named: str, message: str) -> None:
    write(repository / "elsewhere", "clean")
    with pytest.raises(ProjectError) as caught:
        project.find(named)
    assert message in str(caught.value)


def test_where_there_is_none_it_says_how_to_name_one(repository: Path) -> None:
    with pytest.raises(NoProjectError, match=r"there is no project here: .* sagepipe --project"):
        project.find()


def test_a_module_that_is_missing_further_in_is_the_projects_own_bug(repository: Path) -> None:
    (repository / "pipelines").mkdir()
    (repository / "pipelines" / "__init__.py").write_text("import not_there_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        project.find()


def test_a_damaged_pyproject_is_named(repository: Path) -> None:
    (repository / "pyproject.toml").write_text("[tool")
    with pytest.raises(ProjectError, match=r"pyproject.toml can't be read"):
        project.find()
    (repository / "pyproject.toml").write_text("[tool.sagepipe]\nproject = 1\n")
    with pytest.raises(ProjectError, match=r"\[tool.sagepipe\] project is 1"):
        project.find()
