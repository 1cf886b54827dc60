"""What a good engineer writes for Parquet: pyarrow in, one exact scikit-learn PCA, pyarrow out."""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from sklearn.decomposition import PCA


def main(source: str, target: str) -> None:
    """Fit all the rows of a folder of parts at once, and write their components to a file."""
    table = ds.dataset(source, format="parquet", exclude_invalid_files=False).to_table()
    names = [name for name in table.column_names if name not in ("recording", "sample", "time")]
    values = np.column_stack([table.column(name).to_numpy() for name in names])
    components = PCA(svd_solver="full").fit_transform(values)
    columns = {name: table.column(name) for name in ("recording", "sample", "time")}
    for number, column in enumerate(components.T, start=1):
        columns[f"pc{number}"] = pa.array(np.ascontiguousarray(column))
    pq.write_table(pa.table(columns), target)


if __name__ == "__main__":
    main(*sys.argv[1:])
