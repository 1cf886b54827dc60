"""The verb `estimate`: how long a pipeline takes on SageMaker, and what it costs.

Reads the pipeline's definition and the throughput table that the project ships; asks AWS only for
the sizes of --input and for --refresh-prices.
"""

from __future__ import annotations

import argparse
import re

from sagepipe.aws import boto
from sagepipe.cli import estimate_options
from sagepipe.cli.frame import Call, Command, print_json
from sagepipe.cli.values import pairs
from sagepipe.errors import SettingsError
from sagepipe.language import validate
from sagepipe.project import Pipeline
from sagepipe.report import (
    clusters,
    costs,
    estimate_report,
    pipeline_estimate,
    price_list,
    prices,
    throughput,
)
from sagepipe.report.costs import Assumptions, Model, Work
from sagepipe.report.throughput import Throughput
from sagepipe.settings.configuration import Sources
from sagepipe.settings.facts import Settings

EXAMPLES = """\
examples:
  sagepipe estimate --bytes 1TB
      each step as it is defined, and with 1 to 20 instances
  sagepipe estimate --bytes 300GB --objects 40 --counts 2,8,20
      few and large objects, which divide less evenly
  sagepipe estimate --input s3://my-bucket/raw --types ml.m5.4xlarge,ml.c5.4xlarge
      the objects that are there, on two instance types
  sagepipe estimate --refresh-prices --region eu-west-1
      the prices of that region, from AWS's price list
  sagepipe estimate --bytes 1TB --prices my-prices.toml --json
      your own prices; for scripts

exit code: 0 with an estimate; 1 when an input, a table or AWS stands in the way; 2 for a wrong
command line
"""

MOST_OBJECTS = 200_000


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Refresh the prices, or estimate."""
    sources = call.settings(arguments)
    if arguments.refresh_prices:
        return _refresh(sources)
    pipeline = call.pipeline(arguments.pipeline)
    table = _throughput(arguments, pipeline)
    found = prices.load(arguments.prices or prices.find(sources.get("region")))
    work, what = _work(arguments, sources)
    built = pipeline.built(Settings.local(pipeline.name), sources.file.parameters)
    validate.check(built.document)
    assumed = Assumptions(arguments.startup, arguments.vcpu, arguments.network, arguments.quota)
    report = pipeline_estimate.make(
        pipeline.name,
        what,
        sources.get("region"),
        Model(work, found, assumed),
        clusters.read(built.document, pairs(arguments.parameter)),
        table,
        arguments.types,
        arguments.counts,
    )
    if arguments.json:
        print_json(estimate_report.to_json(report))
    else:
        print("\n".join(estimate_report.lines(report)))
    return 0


def _throughput(arguments: argparse.Namespace, pipeline: Pipeline) -> Throughput:
    path = arguments.throughput or pipeline.throughput
    if path is None:
        raise SettingsError(
            f"pipeline {pipeline.name} has no throughput table: what its steps do in a second must "
            "be measured. Give a table with --throughput FILE, or name it in the project as "
            "Pipeline(throughput=…); python -m pydoc sagepipe.report.throughput shows its form"
        )
    return throughput.load(path)


def _work(arguments: argparse.Namespace, sources: Sources) -> tuple[Work, str]:
    if arguments.input:
        sizes = _sizes(arguments.input, sources)
        return Work(float(sum(sizes)), sizes), f"{len(sizes)} objects at {arguments.input}"
    number = arguments.objects or max(1, round(arguments.bytes / estimate_options.TYPICAL))
    what = f"{number:,} objects, whose sizes are assumed to lie lognormal"
    return costs.lognormal(arguments.bytes, min(number, MOST_OBJECTS)), what


def _sizes(uri: str, sources: Sources) -> list[float]:
    """The sizes of the objects below an S3 URI, in key order."""
    match = re.fullmatch(r"s3://([^/]+)/?(.*)", uri)
    if not match:
        raise SettingsError(f"--input {uri}: write s3://bucket/prefix")
    sources.require("region")
    prefix = match[2].rstrip("/") + "/" if match[2].strip("/") else ""
    with boto.calls(f"list {uri}"):
        pages = boto.client("s3", sources.get("region")).get_paginator("list_objects_v2")
        sizes = [
            float(item["Size"])
            for page in pages.paginate(Bucket=match[1], Prefix=prefix)
            for item in page.get("Contents", [])
            if item["Size"] and not item["Key"].endswith("/")
        ]
    if not sizes:
        raise SettingsError(f"--input {uri}: no objects there; check the bucket and the prefix")
    return sizes


def _refresh(sources: Sources) -> int:
    sources.require("region")
    region = sources.get("region")
    known = prices.load(prices.SHIPPED)
    found = price_list.refreshed(boto.client("pricing", price_list.ENDPOINT), region, known)
    path = prices.cached(region)
    prices.save(found, path)
    print(f"{path}: prices of {len(found.instances)} instance types in {region}, {found.as_of}")
    if missing := [name for name in known.instances if name not in found.instances]:
        print(f"  not in the price list there: {', '.join(missing)}")
    print(f"  volumes: {found.volume_month:g} {found.currency} per GB-month, {found.volume_source}")
    return 0


COMMAND = Command(EXAMPLES, estimate_options.add, run)
