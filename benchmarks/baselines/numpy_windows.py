"""The windows by a bare loop of numpy over Parquet files: one thread, files in the order of rows.

What a program for this data alone can do; it trusts that rows are in order, and that none is bad.
"""

import os
import sys
from glob import glob

# As the step scripts have it; see parse_limit.py.
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def main(source: str, target: str, step: str) -> None:
    """Write the features of windows of twice a step, which is in whole microseconds."""
    steps = {}
    for path in sorted(glob(f"{source}/*/*.parquet")):
        split = path.split("/")[-2].partition("=")[2]
        file = pq.ParquetFile(path, read_dictionary=["recording"], pre_buffer=False)
        names = [name for name in file.schema_arrow.names if name.startswith("pc")]
        for group in range(file.metadata.num_row_groups):
            table = file.read_row_group(group, use_threads=False).combine_chunks()
            recordings = table.column("recording").combine_chunks()
            codes = recordings.indices.to_numpy()
            of_step = (table.column("time").to_numpy() * 1e6 + 0.5).astype(np.int64) // int(step)
            edges = np.flatnonzero((np.diff(of_step) != 0) | (np.diff(codes) != 0)) + 1
            starts = np.concatenate([[0], edges])
            counts = np.diff(np.append(starts, len(codes)))
            values = [table.column(name).to_numpy() for name in names]
            found = [summary(series, starts, counts) for series in values]
            labels = recordings.dictionary.to_pylist()
            for place, start in enumerate(starts):
                key = (split, labels[codes[start]], int(of_step[start]))
                new = [[one[place] for one in series] for series in found]
                steps[key] = merged(steps[key], new) if key in steps else new
    write(steps, names, target)


def summary(values, starts, counts):
    """Count, sum, squares, least, most, crossings, first and last sign of each run."""
    sums = np.add.reduceat(values, starts)
    squares = np.add.reduceat(values * values, starts)
    positive = values >= 0
    changes = np.concatenate([[0], np.cumsum(positive[1:] != positive[:-1])])
    ends = starts + counts - 1
    return (
        *(counts, sums, squares),
        *(np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)),
        *(changes[ends] - changes[starts], positive[starts], positive[ends]),
    )


def merged(one, other):
    """The summaries of what follows each other."""
    return [
        [
            *(a[0] + b[0], a[1] + b[1], a[2] + b[2], min(a[3], b[3]), max(a[4], b[4])),
            *(a[5] + b[5] + (a[7] != b[6]), a[6], b[7]),
        ]
        for a, b in zip(one, other, strict=True)
    ]


def write(steps, names, target):
    """Fold steps to windows and write them."""
    rows = []
    for split, recording, number in steps:
        for window in {number, number - 1} - {-1}:
            if window == number or (split, recording, window) not in steps:
                pair = [steps.get((split, recording, window + one)) for one in (0, 1)]
                whole = merged(*pair) if all(pair) else pair[0] or pair[1]
                row = {"split": split, "recording": recording, "window": window}
                row["n"] = int(whole[0][0])
                for name, (n, total, squares, least, most, changes, *_) in zip(
                    names, whole, strict=True
                ):
                    mean = total / n
                    row[f"{name}_mean"] = mean
                    row[f"{name}_std"] = max(squares / n - mean * mean, 0.0) ** 0.5
                    row[f"{name}_min"], row[f"{name}_max"] = least, most
                    row[f"{name}_energy"] = squares
                    row[f"{name}_zero_crossings"] = int(changes)
                rows.append(row)
    pq.write_table(pa.Table.from_pylist(rows), f"{target}/features.parquet")


if __name__ == "__main__":
    os.makedirs(sys.argv[2], exist_ok=True)
    main(*sys.argv[1:])
