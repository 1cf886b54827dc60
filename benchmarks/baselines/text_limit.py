"""The text limit: pyarrow turns every cell of Parquet components into CSV, and drops it."""

import os
import sys

# As the step scripts have it; see parse_limit.py.
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq


def main(source: str) -> None:
    """Write every Parquet file in a folder to nowhere, row group by row group, on one thread."""
    # The default of 1024 rows at a time takes a tenth more.
    options = pyarrow.csv.WriteOptions(batch_size=1 << 14)
    with pa.OSFile(os.devnull, "wb") as nowhere:
        for name in sorted(os.listdir(source)):
            file = pq.ParquetFile(os.path.join(source, name), pre_buffer=False)
            for group in range(file.metadata.num_row_groups):
                table = file.read_row_group(group, use_threads=False)
                pyarrow.csv.write_csv(table, nowhere, options)


if __name__ == "__main__":
    main(*sys.argv[1:])
