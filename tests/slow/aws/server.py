"""A moto server that knows pipeline versions, ready to deploy to:

    python tests/slow/aws/server.py

It runs until Ctrl-C, keeps everything in memory, and prints the environment that points every
command at it. The account has an artifact bucket with a table in raw/, an execution role and a
scheduler role.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import boto3
import fake_account
import fake_events
import fake_executions
import fake_versions
from moto.moto_api._internal import moto_api_backend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server
from wire import Wire

EXAMPLE = Path(__file__).parents[3] / "pipeline.example.toml"
ACCOUNT = "123456789012"
REGION = "eu-west-1"
BUCKET = "ecg-artifacts"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ecg-execution"
SCHEDULER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/ecg-scheduler"


class _QuietHandler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept: a third of the time

    def log_request(self, *_: Any) -> None:
        pass


class Server:
    """The server in a thread; `wire` sees and breaks its traffic."""

    def __init__(self, port: int = 0) -> None:
        fake_versions.install()
        fake_executions.install()
        fake_account.install()
        self.wire = Wire(DomainDispatcherApplication(create_backend_app))
        self._server = make_server(
            "127.0.0.1", port, self.wire, threaded=True, request_handler=_QuietHandler
        )
        fake_events.install(self.url)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What points boto3 at this server and at nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def reset(self) -> None:
        """An empty account, and an empty record of calls."""
        moto_api_backend.reset()
        self.wire.clear()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()


@cache
def _client(service: str, url: str) -> Any:
    session = boto3.Session("testing", "testing", region_name=REGION)
    return session.client(service, endpoint_url=url)


def furnish(url: str) -> None:
    """The bucket and the roles that a deployment needs, and something to read."""
    s3 = _client("s3", url)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    s3.put_object(Bucket=BUCKET, Key="raw/a.csv", Body=b"1,2\n")
    iam = _client("iam", url)
    for arn, services in (
        (ROLE, ["sagemaker.amazonaws.com"]),
        (SCHEDULER_ROLE, ["scheduler.amazonaws.com", "events.amazonaws.com"]),
    ):
        iam.create_role(
            RoleName=arn.rpartition("/")[2],
            AssumeRolePolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"Service": services},
                        "Action": "sts:AssumeRole",
                    },
                }
            ),
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=5555)
    server = Server(parser.parse_args().port)
    furnish(server.url)
    settings = {
        # Its environments; the settings below are stronger than what else it has.
        "PIPELINE_CONFIG": str(EXAMPLE),
        "PIPELINE_ARTIFACT_BUCKET": BUCKET,
        "PIPELINE_ROLE_ARN": ROLE,
        "PIPELINE_SCHEDULER_ROLE_ARN": SCHEDULER_ROLE,
    }
    print("# in the shell that you try the commands in:")
    for name, value in (server.environment | settings).items():
        print(f"export {name}={shlex.quote(value)}")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
