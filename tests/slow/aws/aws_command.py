"""The `aws` commands that findings name, carried out by botocore: its models know every option."""

from __future__ import annotations

import json
import shlex
from typing import Any

import outsider
from botocore import xform_name
from botocore.model import Shape
from server import REGION


def words(text: str) -> list[str]:
    return shlex.split(text)


def run(text: str, url: str) -> None:
    """Carry out commands that are joined by `&&`."""
    for one in text.split(" && "):
        command = words(one)
        assert command[0] == "aws", text
        if command[1] == "s3":
            _s3(command[2:], url)
            continue
        client = outsider.client(_service(command), url)
        getattr(client, command[2].replace("-", "_"))(**members(command))


def members(words: list[str]) -> dict[str, Any]:
    """The request that a command makes. Raises `KeyError` for an option that there isn't."""
    client = outsider.client(_service(words), "http://127.0.0.1:9")
    name = client.meta.method_to_api_mapping[words[2].replace("-", "_")]
    shape = client.meta.service_model.operation_model(name).input_shape
    known = {xform_name(member, "-"): member for member in shape.members}
    given: dict[str, Any] = {}
    rest = words[3:]
    while rest:
        option = rest.pop(0).removeprefix("--")
        values = []
        while rest and not rest[0].startswith("--"):
            values.append(rest.pop(0))
        if option == "region":
            assert values == [REGION]
        elif words[2] == "authorize-security-group-ingress" and option != "group-id":
            _ingress(given, option, values[0])  # the command's own short form of IpPermissions
        else:
            given[known[option]] = _value(shape.members[known[option]], values)
    return given


def _service(words: list[str]) -> str:
    return "s3" if words[1] == "s3api" else words[1]


def _value(shape: Shape, values: list[str]) -> Any:
    if shape.type_name == "list":
        return values
    if shape.type_name == "double":
        return float(values[0])
    if values[0].startswith("{"):
        json.loads(values[0])
    return values[0]


def _ingress(given: dict[str, Any], option: str, value: str) -> None:
    (rule,) = given.setdefault("IpPermissions", [{}])
    if option == "protocol":
        rule["IpProtocol"] = value
    else:
        assert option == "source-group"
        rule["UserIdGroupPairs"] = [{"GroupId": value}]


def _s3(words: list[str], url: str) -> None:
    s3 = outsider.client("s3", url)
    if words[0] == "mb":
        assert words[2:] == ["--region", REGION]
        bucket = words[1].removeprefix("s3://")
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    else:
        assert words[:2] == ["sync", "FOLDER"], words
        bucket, _, prefix = words[2].removeprefix("s3://").partition("/")
        assert prefix.endswith("/")
        s3.put_object(Bucket=bucket, Key=f"{prefix}new.csv", Body=b"a,b\n")
