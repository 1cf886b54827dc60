"""What the local engine takes of a Spark job's configuration channel."""

from __future__ import annotations

import json
from pathlib import Path

from sagepipe.local.spark import emr


def test_how_s3_encrypts_is_named_and_not_applied(tmp_path: Path) -> None:
    """S3 is a folder here: a key that only AWS has must not reach a file system of this machine."""
    path = tmp_path / emr.PLACES[1]
    path.parent.mkdir(parents=True)
    core_site = {
        "fs.s3a.encryption.algorithm": "SSE-KMS",
        "fs.s3a.encryption.key": "alias/output",
        "io.file.buffer.size": "65536",
    }
    path.write_text(json.dumps([{"Classification": "core-site", "Properties": core_site}]))
    configuration = emr.load(tmp_path)
    assert configuration.properties == {"spark.hadoop.io.file.buffer.size": "65536"}
    assert configuration.ignored == (
        "spark.hadoop.fs.s3a.encryption.algorithm is ignored: S3 and HDFS are folders here.",
        "spark.hadoop.fs.s3a.encryption.key is ignored: S3 and HDFS are folders here.",
    )
