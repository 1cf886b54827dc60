"""pipeline.toml: settings of all pipelines, of one, and of one environment.

region = "eu-west-1"                        # of all pipelines

[pipelines.clean]                           # of one; on top of the common ones
alias = "live"
[pipelines.clean.parameters]                # defaults that replace the definition's
InstanceCount = 4
[pipelines.clean.schedule]
expression = "rate(12 hours)"

[env.prod]                                  # with --env prod; on top of all of the above
region = "eu-central-1"
[env.prod.pipelines.clean.parameters]
InstanceCount = 20
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sagepipe.errors import SettingsError
from sagepipe.settings.options import KNOWN, Option, typed

FILE = "pipeline.toml"
VARIABLE, ENVIRONMENT_VARIABLE = "PIPELINE_CONFIG", "PIPELINE_ENV"

# Of one pipeline only: what runs by itself belongs into a file that is reviewed.
_OF_ONE = ("parameters", "schedule")


@dataclass(frozen=True)
class SettingsFile:
    """What the file says about one pipeline in one environment.

    `layers` are (where, settings), the strongest first. `parameters` are defaults by name, each
    from its strongest layer; `schedule` is the strongest [schedule] table, or None.
    """

    path: str = FILE
    layers: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    schedule: Mapping[str, Any] | None = None

    def find(self, option: Option) -> tuple[str, Any] | None:
        """Where a setting stands and its value, from the strongest layer that has it."""
        for where, table in self.layers:
            if option.name in table:
                return where, typed(option, table[option.name], where)
        return None


def read(named: Path | None, pipeline: str | None, environment: str | None) -> SettingsFile:
    """Read the file that is `named`, that PIPELINE_CONFIG names, or ./pipeline.toml if it's there.

    Raises `SettingsError`: it can't be read, isn't TOML, or has what there isn't.
    """
    environment = environment or os.environ.get(ENVIRONMENT_VARIABLE) or None
    chosen = named or os.environ.get(VARIABLE)
    path = Path(chosen or FILE)
    if not chosen and not path.is_file():
        if environment:
            raise SettingsError(
                f"--env {environment}: there is no {FILE} here that could have [env.{environment}]"
            )
        return SettingsFile()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}; check --config") from error
    except ValueError as error:
        raise SettingsError(f"{path} isn't TOML: {error}") from error
    return _merged(str(path), list(_layers(str(path), content, environment)), pipeline)


def _layers(
    path: str, content: Mapping[str, Any], environment: str | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The file's two halves, the weaker first: what always holds, and the environment's."""
    environments = _table(content.get("env", {}), f"{path}: env")
    yield path, {name: value for name, value in content.items() if name != "env"}
    for name, table in environments.items():
        _table(table, f"{path}: env.{name}")
    if environment is None:
        return
    if environment not in environments:
        close = difflib.get_close_matches(environment, environments, n=1)
        hint = (
            f"do you mean {close[0]}?" if close else f"it has {', '.join(environments) or 'none'}"
        )
        raise SettingsError(f"--env {environment}: {path} has no [env.{environment}]; {hint}")
    yield f"{path} [env.{environment}]", environments[environment]


def _merged(
    path: str, halves: list[tuple[str, Mapping[str, Any]]], pipeline: str | None
) -> SettingsFile:
    layers: list[tuple[str, Mapping[str, Any]]] = []
    parameters: dict[str, Any] = {}
    schedule: Mapping[str, Any] | None = None
    for where, half in halves:
        pipelines = _table(half.get("pipelines", {}), f"{where}: pipelines")
        common = {name: value for name, value in half.items() if name != "pipelines"}
        _check_names(common, where, KNOWN)
        layers.append((where, common))
        for name, found in pipelines.items():
            place = f"{where} [pipelines.{name}]"
            table = _table(found, place)
            _check_names(table, place, [*KNOWN, *_OF_ONE])
            if name != pipeline:
                continue
            layers.append((place, {k: v for k, v in table.items() if k not in _OF_ONE}))
            parameters |= _parameters(table.get("parameters", {}), place)
            if "schedule" in table:
                schedule = MappingProxyType(dict(_table(table["schedule"], f"{place}: schedule")))
    return SettingsFile(path, tuple(reversed(layers)), MappingProxyType(parameters), schedule)


def _parameters(table: object, place: str) -> dict[str, str | int | float | bool]:
    found = _table(table, f"{place}: parameters")
    for name, value in found.items():
        if not isinstance(value, str | int | float | bool):
            raise SettingsError(
                f"{place}: parameter {name} is {value!r}; it must be a string, number or boolean"
            )
    return dict(found)


def _table(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        name = place.rpartition(" ")[2]
        raise SettingsError(f"{place} must be a table, [{name}]")
    return value


def _check_names(table: Mapping[str, Any], where: str, known: list[str] | tuple[str, ...]) -> None:
    for name in table:
        if name in known:
            continue
        if name in _OF_ONE:
            raise SettingsError(
                f"{where}: {name} belongs to one pipeline: write [pipelines.NAME.{name}]"
            )
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"do you mean {close[0]}?" if close else f"there are {', '.join(known)}"
        raise SettingsError(f"{where}: no setting is called {name}; {hint}")
