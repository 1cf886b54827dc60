"""Imports run one way: the toolkit's floors, and who may know what."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from sources import ROOT, imports, modules, name_of

# What each part of the toolkit may import of the others. The order is that of the floors: a part
# imports parts above it in this table only, so there is no way round in a circle.
MAY_IMPORT = {
    "errors": "",
    "collection": "",
    "language": "errors",
    "aws": "errors collection",
    "settings": "errors aws",
    "local": "errors language",
    "schedule": "errors language aws settings",
    "report": "errors language aws settings local",
    "building": "errors collection language settings",
    "project": "errors language settings local building report",
    "deploy": "errors language aws settings schedule building project",
    "executions": "errors language aws settings local report building project deploy",
    "doctor": "errors language aws settings schedule building project deploy",
    "pytest_plugin": "errors local __init__",
}
# `cli` is what calls all of them; `sagepipe` itself and `__main__` only name what users call.
AT_THE_TOP = ("cli", "__main__", "__init__")

TOOLKIT = modules("sagepipe")


def part(module: str) -> str:
    """`sagepipe.local.store` is of the part `local`."""
    return module.split(".")[1] if "." in module else "__init__"


def test_the_table_has_every_part_and_no_circle() -> None:
    parts = {part(name_of(path)) for path in TOOLKIT} - set(AT_THE_TOP)
    assert parts - set(MAY_IMPORT) == set()
    above = {"__init__"}  # the face of the package, which imports nothing until it is asked
    for name, others in MAY_IMPORT.items():
        assert set(others.split()) <= above, name
        above.add(name)


@pytest.mark.parametrize("path", TOOLKIT, ids=str)
def test_a_floor_imports_those_below_it(path: Path) -> None:
    mine = part(name_of(path))
    others = {part(one) for one in imports(path) if one.split(".")[0] == "sagepipe"} - {mine}
    if mine in AT_THE_TOP:
        return
    assert others - set(MAY_IMPORT[mine].split()) == set()


@pytest.mark.parametrize("path", TOOLKIT, ids=str)
def test_the_toolkit_knows_no_project(path: Path) -> None:
    """Nothing of this repository's but sagepipe: not its project, its scripts, its benchmarks."""
    folders = {one.name for one in ROOT.iterdir() if one.is_dir()} - {"sagepipe", "code"}
    scripts = {one.stem for one in (ROOT / "code").iterdir()}
    roots = {one.split(".")[0] for one in imports(path)}
    assert roots & (folders | scripts) == set()


def test_only_what_builds_a_definition_imports_the_sdk() -> None:
    paths = [*TOOLKIT, *modules("pipelines"), *modules("steps"), *modules("code")]
    users = {
        path.parts[:2] if path.parts[0] == "sagepipe" else path.parts[:1]
        for path in paths
        if any(one.split(".")[0] == "sagemaker" for one in imports(path))
    }
    assert users <= {("sagepipe", "building"), ("steps",), ("pipelines",)}


# What the toolkit's core needs; `pip install sagepipe` brings these and no more.
CORE = {"boto3", "botocore", "rich"}
# What these need besides, which is installed by who uses them: as an extra, or with pytest.
EXTRAS = {
    "sagepipe/building": {"sagemaker"},
    "sagepipe/local/spark": {"pyarrow"},
    "sagepipe/local/spark/training.py": {"pyspark"},  # a job, which only spark-submit runs
    "sagepipe/pytest_plugin.py": {"pytest"},
}
STUBS = "mypy_boto3_"  # for annotations only


@pytest.mark.parametrize("path", TOOLKIT, ids=str)
def test_the_toolkit_needs_only_what_its_install_brings(path: Path) -> None:
    own = {"sagepipe", *sys.stdlib_module_names}
    roots = {one.split(".")[0] for one in imports(path)} - own
    foreign = {one for one in roots if not one.startswith(STUBS)} - CORE
    for place, brought in EXTRAS.items():
        if path.is_relative_to(place):
            foreign -= brought
    assert foreign == set()


# What there is in the image of each script besides the standard library.
SKLEARN_IMAGE = {
    line.split("==")[0].replace("scikit-learn", "sklearn")
    for line in (ROOT / "tests/images/sklearn-1.9-0.txt").read_text().splitlines()
    if re.match(r"[a-z-]+==", line)
}
SPARK_IMAGE = {"pyspark", "py4j", "numpy", "pandas", "boto3"}
IMAGES = {
    path.name: SPARK_IMAGE
    if "pyspark" in {one.split(".")[0] for one in imports(path)}
    else SKLEARN_IMAGE
    for path in modules("code")
    if len(path.parts) == 2
}


def test_the_scripts_are_found_with_their_images() -> None:
    assert IMAGES["pca.py"] is SKLEARN_IMAGE
    assert IMAGES["spark_transform.py"] is SPARK_IMAGE


@pytest.mark.parametrize("script", IMAGES)
def test_a_script_imports_only_what_its_image_has(script: str) -> None:
    """Its helpers count as well, as far as it imports them."""
    code = Path("code")
    pending, seen = [code / script], set[Path]()
    needed: dict[str, Path] = {}
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imports(path):
            root = name.split(".")[0]
            if (ROOT / code / root).exists():
                pending += _files(code, name)
            elif root not in sys.stdlib_module_names:
                needed[root] = path
    assert {root: path for root, path in needed.items() if root not in IMAGES[script]} == {}


def _files(code: Path, name: str) -> list[Path]:
    """The files that importing `ecglib.parts` runs, and `from ecglib.parts import Part` too."""
    found = []
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        place = code.joinpath(*parts[:depth])
        found += [place / "__init__.py", place.with_suffix(".py")]
    # `from ecglib import parts`: the names of its modules are not told from other names here
    return [path for path in found if (ROOT / path).is_file()]
