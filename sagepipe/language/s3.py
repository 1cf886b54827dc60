"""S3 URIs, as definitions write them."""

from __future__ import annotations

from dataclasses import dataclass

from sagepipe.errors import StoreError


@dataclass(frozen=True)
class Location:
    """An S3 location. As a prefix it matches every key that starts with `key`, as in S3."""

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, uri: str) -> Location:
        """Read `s3://bucket/key`.

        Raises:
            StoreError: another scheme, or no bucket.
        """
        scheme, separator, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not separator or not bucket:
            raise StoreError(f"{uri!r} is not an S3 URI; write s3://bucket/key")
        return cls(bucket, key)

    def below(self, relative: str) -> Location:
        """The key that a file at `relative` gets when this location is what it goes below."""
        between = "" if not self.key or self.key.endswith("/") else "/"
        return Location(self.bucket, f"{self.key}{between}{relative}")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"
