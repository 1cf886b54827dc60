"""The rules about CreateProcessingJob's request, for what each processing step asks for."""

from __future__ import annotations

from collections.abc import Iterator

from sagepipe.errors import Problem
from sagepipe.language import request
from sagepipe.language.definition import Definition
from sagepipe.language.request.rules import Rule as RequestRule
from sagepipe.language.validate.rules import Rule, rule


def _for_each_step(function: RequestRule) -> Rule:
    def each(definition: Definition) -> Iterator[Problem]:
        for asked in definition.requests:
            yield from function(asked)

    each.__name__, each.__doc__ = function.__name__, function.__doc__
    return each


for _function in request.RULES:
    rule(_for_each_step(_function))
