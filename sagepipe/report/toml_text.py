"""Values as TOML writes them: the standard library reads it only, and our tables are small."""

from __future__ import annotations

import json
import re


def toml(value: object) -> str:
    """A string, number, boolean or tuple of such."""
    if isinstance(value, bool | str):
        # A JSON string is a TOML string, but for DEL, which TOML wants escaped as well.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    return repr(value)


def key(name: str) -> str:
    """A name as a key: bare where it can be."""
    return name if re.fullmatch(r"[A-Za-z0-9_\-]+", name) else toml(name)
