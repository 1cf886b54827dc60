"""Summarise whatever inputs the job happens to have, in parallel, one folder a month."""

import hashlib
import json
import logging
import multiprocessing
import os
import pathlib
import sys

logging.basicConfig(stream=sys.stdout, level=os.environ.get("LOG_LEVEL", "WARNING"))
log = logging.getLogger("inventory")


def summarise(path):
    content = path.read_bytes()
    return {
        "file": path.name,
        "bytes": len(content),
        "lines": content.count(b"\n"),
        "md5": hashlib.md5(content).hexdigest(),
        "stage": os.environ["STAGE"],
    }


def main():
    with open("/opt/ml/config/processingjobconfig.json") as file:
        job = json.load(file)
    wanted = os.environ["CHANNEL"]
    folders = {
        item["InputName"]: pathlib.Path(item["S3Input"]["LocalPath"])
        for item in job["ProcessingInputs"]
    }
    outputs = {
        item["OutputName"]: pathlib.Path(item["S3Output"]["LocalPath"])
        for item in job["ProcessingOutputConfig"]["Outputs"]
    }
    cluster = job["ProcessingResources"]["ClusterConfig"]
    log.info("%s on %s x %s", job["ProcessingJobName"], cluster["InstanceCount"], wanted)
    files = sorted(p for p in folders[wanted].rglob("*") if p.is_file())
    with multiprocessing.Pool(2) as pool:
        rows = pool.map(summarise, files)
    for path, row in zip(files, rows, strict=True):
        month = path.parent.relative_to(folders[wanted])
        folder = outputs["inventory"] / month / "summary"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{path.stem}.json").write_text(json.dumps(row))
    index = {
        "job": job["ProcessingJobName"],
        "image": job["AppSpecification"]["ImageUri"],
        "environment": job["Environment"],
        "volume": cluster["VolumeSizeInGB"],
        "limit": job["StoppingCondition"]["MaxRuntimeInSeconds"],
        "files": len(rows),
    }
    (outputs["inventory"] / "index.json").write_text(json.dumps(index))


if __name__ == "__main__":
    main()
