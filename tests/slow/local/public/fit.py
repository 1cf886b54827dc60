"""Fit a small classifier and pack it the way training jobs do."""

import pathlib
import tarfile

import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression

base = pathlib.Path("/opt/ml/processing")
x = pd.read_csv(base / "train" / "train_features.csv", header=None)
y = pd.read_csv(base / "train" / "train_labels.csv", header=None)[0]
model = LogisticRegression().fit(x.to_numpy(), y)
joblib.dump(model, "model.joblib")
with tarfile.open(base / "model" / "model.tar.gz", "w:gz") as tar:
    tar.add("model.joblib")
