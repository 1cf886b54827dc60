"""Principal components of each ECG recording by itself, as the usual script does it.

Columns 1 to 4 are the leads; missing values become zero. Written for SageMaker and nothing else:
its paths are those of a processing container, and the name of what it writes is the recording's,
so that instances with different recordings never write the same file.
"""

from pathlib import Path

import pandas as pd
from sklearn.decomposition import PCA

DATA = Path("/opt/ml/processing/data")
OUTPUT = Path("/opt/ml/processing/output")


def main() -> None:
    """One file of components for each recording that this instance got."""
    recordings = sorted(DATA.glob("*.csv"))
    for recording in recordings:
        leads = pd.read_csv(recording, usecols=[1, 2, 3, 4], dtype=float).fillna(0.0)
        components = PCA(n_components=4, svd_solver="full").fit_transform(leads.to_numpy())
        target = OUTPUT / f"pca_{recording.name}"
        pd.DataFrame(components).to_csv(target, header=False, index=False)
        print(f"{recording.name}: {len(components)} rows")
    print(f"{len(recordings)} recordings")


if __name__ == "__main__":
    main()
