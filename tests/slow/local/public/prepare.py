"""Split a table of customers and scale it, for a model that is to be trained next."""

import argparse
import os
import warnings

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = ["age", "visits", "spent"]
CATEGORIES = ["plan"]
LABEL = "left"

warnings.simplefilter("ignore", FutureWarning)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--train-test-split-ratio", type=float, default=0.3)
    parser.add_argument("--random-state", type=int, default=1)
    args, _ = parser.parse_known_args()
    print(f"Received arguments {args}")

    source = os.path.join("/opt/ml/processing/input", "customers.csv")
    table = pd.read_csv(source).drop_duplicates().dropna(subset=[LABEL])
    print(f"{len(table)} rows, {table[LABEL].mean():.1%} of them left")

    train, test = train_test_split(
        table,
        test_size=args.train_test_split_ratio,
        random_state=args.random_state,
        stratify=table[LABEL],
    )
    scale = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
        (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), CATEGORIES),
    )
    scale.fit(train)
    for name, part in (("train", train), ("test", test)):
        folder = f"/opt/ml/processing/{name}"
        features = pd.DataFrame(scale.transform(part))
        print(f"{name}: {features.shape}")
        features.to_csv(os.path.join(folder, f"{name}_features.csv"), header=False, index=False)
        part[LABEL].to_csv(os.path.join(folder, f"{name}_labels.csv"), header=False, index=False)
