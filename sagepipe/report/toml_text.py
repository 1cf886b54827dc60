"""Values as TOML writes them: the standard library reads it only, and our tables are small."""

from __future__ import annotations


def toml(value: object) -> str:
    """A string, number, boolean or tuple of such."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    return repr(value)
