"""The range of each lead of each recording, read once, from a pipe, in constant memory.

In Pipe mode an input's folder has no files of it. `recordings-manifest` there lists its objects
after a first line that is of no use; `recordings_0` gives their bytes, one object after the other
with nothing between. Where one ends can only be told from the bytes: here, a recording begins where
the header comes again.
"""

import csv
import json
from pathlib import Path

FOLDER = Path("/opt/ml/processing/recordings")
OUTPUT = Path("/opt/ml/processing/ranges")
HOST = json.loads(Path("/opt/ml/config/resourceconfig.json").read_text())["current_host"]


def main():
    """Write a row for each lead of each recording, to a file of this instance's own name."""
    _, *uris = (FOLDER / "recordings-manifest").read_text().splitlines()
    with (FOLDER / "recordings_0").open(newline="") as stream:
        found = list(ranges(csv.reader(stream)))
    if len(found) != len(uris):
        raise SystemExit(f"the manifest lists {len(uris)} recordings, and {len(found)} came")
    with (OUTPUT / f"ranges-{HOST}.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["recording", "lead", "samples", "lowest", "highest"])
        for uri, (samples, leads) in zip(uris, found, strict=True):
            name = uri.rpartition("/")[2]
            table.writerows([name, lead, samples, *limits] for lead, limits in leads.items())
            print(f"{name}: {samples} samples, streamed to {HOST}")


def ranges(rows):
    """For each recording: how many samples it has, and {lead: [lowest, highest]}."""
    header = next(rows, None)
    while header is not None:
        samples, leads, after = 0, {}, None
        for row in rows:
            if row == header:
                after = header
                break
            samples += 1
            for lead, text in zip(header[1:], row[1:], strict=True):
                if not text:  # an electrode came off
                    continue
                value = float(text)
                lowest, highest = leads.get(lead, (value, value))
                leads[lead] = [min(lowest, value), max(highest, value)]
        yield samples, leads
        header = after


if __name__ == "__main__":
    main()
