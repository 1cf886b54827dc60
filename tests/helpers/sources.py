"""Python sources read as what they import, for the tests of how the repository hangs together."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def modules(package: str) -> list[Path]:
    """The Python files of a package or folder, as paths from the repository's root."""
    found = sorted(path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py"))
    assert found, package
    return found


def name_of(path: Path) -> str:
    """`sagepipe/cli/run.py` is `sagepipe.cli.run`; a package is its folder."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> frozenset[str]:
    """The modules that a file imports, wherever in it: `from a import b` is a.b if there is one."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(path, node)
            for one in node.names:
                inner = f"{base}.{one.name}"
                yield inner if _is_module(inner) else base
        elif isinstance(node, ast.Call) and _is_import_call(node):
            (argument, *_) = node.args
            if isinstance(argument, ast.Constant):
                yield str(argument.value)


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return str(node.module)
    folder = path.parts[: -node.level]
    return ".".join([*folder, *([node.module] if node.module else [])])


def _is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def _is_import_call(node: ast.Call) -> bool:
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in ("import_module", "__import__") and bool(node.args)
