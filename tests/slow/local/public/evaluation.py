"""Score a packed model on the test rows and leave a report for the pipeline's condition."""

import json
import logging
import pathlib
import tarfile

import joblib
import pandas as pd
from sklearn.metrics import accuracy_score, roc_auc_score

logger = logging.getLogger()
logger.setLevel(logging.INFO)
logger.addHandler(logging.StreamHandler())

if __name__ == "__main__":
    with tarfile.open("/opt/ml/processing/model/model.tar.gz") as tar:
        tar.extractall(path=".")
    logger.info("Loading the model.")
    model = joblib.load("model.joblib")

    x = pd.read_csv("/opt/ml/processing/test/test_features.csv", header=None).to_numpy()
    y = pd.read_csv("/opt/ml/processing/test/test_labels.csv", header=None)[0]
    report = {
        "binary_classification_metrics": {
            "accuracy": {"value": accuracy_score(y, model.predict(x)), "standard_deviation": "NaN"},
            "auc": {"value": roc_auc_score(y, model.predict_proba(x)[:, 1])},
        }
    }
    target = pathlib.Path("/opt/ml/processing/evaluation")
    target.mkdir(parents=True, exist_ok=True)
    (target / "evaluation.json").write_text(json.dumps(report))
    logger.info("Report: %s", report)
