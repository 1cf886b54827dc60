"""Which texts name /opt/ml, where it has to be rewritten."""

from __future__ import annotations

import pytest

from sagepipe.local.launch.rewritten import rewrite

OPT_ML = [
    ("/opt/ml", "/here"),
    ("/opt/ml/", "/here/"),
    ("/opt/ml/processing/in", "/here/processing/in"),
    ("--dir=/opt/ml/in", "--dir=/here/in"),
    ("-r/opt/ml/requirements.txt", "-r/here/requirements.txt"),
    ("pip install -r/opt/ml/a", "pip install -r/here/a"),
    ("/opt/ml/a:/opt/ml/b", "/here/a:/here/b"),
    ("file:///opt/ml/x", "file:///here/x"),
    ('{"a": "/opt/ml/x"}', '{"a": "/here/x"}'),
    ("cat /opt/ml/a>/opt/ml/b; rm '/opt/ml'", "cat /here/a>/here/b; rm '/here'"),
    ("@/opt/ml/x", "@/here/x"),  # as curl names a file of data
]
ELSEWHERE = [
    "/opt/mlflow",
    "/opt/mlflow/opt/ml",
    "/opt/ml-data/x",
    "/opt/ml.bak",
    "/opt/ml_old/x",
    "s3://b/opt/ml/k",
    "s3://opt/ml/k",
    "https://host/opt/ml",
    "/data/opt/ml/x",
    "./opt/ml/x",
    "../opt/ml",
    "~/opt/ml",
    "$HOME/opt/ml",
    "${HOME}/opt/ml",
    "$(pwd)/opt/ml",
    "ärger/opt/ml",
    "",
]


@pytest.mark.parametrize(("text", "rewritten"), OPT_ML)
def test_a_path_below_it_is_rewritten(text: str, rewritten: str) -> None:
    assert rewrite(text, "/here") == rewritten


@pytest.mark.parametrize("text", ELSEWHERE)
def test_other_places_are_left_alone(text: str) -> None:
    assert rewrite(text, "/here") == text


def test_what_is_put_in_is_not_rewritten_again() -> None:
    assert rewrite("/opt/ml/x", r"/opt/ml/store\1") == r"/opt/ml/store\1/x"
