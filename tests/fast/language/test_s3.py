"""S3 URIs."""

import pytest

from sagepipe.errors import StoreError
from sagepipe.language.s3 import Location


@pytest.mark.parametrize(
    "uri", ["bucket/key", "https://bucket/key", "s3://", "s3:///key", "s3:/b/k"]
)
def test_what_is_not_an_s3_uri_is_refused(uri: str) -> None:
    with pytest.raises(StoreError, match="is not an S3 URI; write s3://bucket/key"):
        Location.parse(uri)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("s3://b", "s3://b/x"), ("s3://b/p", "s3://b/p/x"), ("s3://b/p/", "s3://b/p/x")],
)
def test_what_lies_below(prefix: str, expected: str) -> None:
    assert str(Location.parse(prefix).below("x")) == expected
