"""The usual script: each recording through pandas and scikit-learn, by itself, CSV to CSV."""

import os
import sys

import pandas as pd
from sklearn.decomposition import PCA


def main(source: str, target: str, leads: str) -> None:
    """Fit and transform every CSV file in a folder, from its columns 1 to `leads`."""
    os.makedirs(target, exist_ok=True)
    columns = list(range(1, int(leads) + 1))
    pca = PCA(n_components=len(columns))
    for name in sorted(os.listdir(source)):
        table = pd.read_csv(os.path.join(source, name), usecols=columns, dtype=float)
        table.fillna(0.0, inplace=True)
        components = pca.fit_transform(table.values)
        path = os.path.join(target, f"pca_{name}")
        pd.DataFrame(components).to_csv(path, header=None, index=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
