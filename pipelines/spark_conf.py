"""The Spark configuration that SparkTransform's cluster starts with.

The managed image reads it, as EMR classifications, from the input channel `conf` and appends it
to its own defaults, so these values win.
"""

from __future__ import annotations

CONFIGURATION = [
    {
        "Classification": "spark-defaults",
        "Properties": {
            # The image commits with algorithm 2, which lets a second attempt of a running task
            # write beside the first; no speculation, no such attempt.
            "spark.speculation": "false",
            # A partition is what its folder is called: split=1 would otherwise become an integer.
            "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
            # The same features whatever the time zone of the machine.
            "spark.sql.session.timeZone": "UTC",
        },
    }
]
