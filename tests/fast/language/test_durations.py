"""ISO 8601 durations, as ExpireAfter has them."""

import pytest

from sagepipe.language.durations import seconds


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("30d", 30 * 86_400),
        ("5y", 5 * 365 * 86_400),
        ("T16m", 16 * 60),
        ("30dT5h", 30 * 86_400 + 5 * 3600),
        ("p30d", 30 * 86_400),
        ("P4DT12H", 4 * 86_400 + 12 * 3600),
        ("PT1H", 3600),
        ("P30M", 30 * 30 * 86_400),
        ("P1W", 7 * 86_400),
        ("PT1.5H", None),
        ("soon", None),
        ("P", None),
        ("", None),
        ("P1234567890D", None),
        ("P٣D", None),
    ],
)
def test_durations(duration: str, expected: float | None) -> None:
    assert seconds(duration) == expected
