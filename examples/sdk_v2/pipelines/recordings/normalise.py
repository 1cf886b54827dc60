"""Gives each lead of each recording zero mean and unit variance; a missing value becomes 0."""

import json
from pathlib import Path

import numpy as np

BASE = Path("/opt/ml/processing")


def main():
    """A file of its name for each recording, and how much was missing in all."""
    missing = total = 0
    for source in sorted((BASE / "input").glob("*.csv")):
        with source.open() as file:
            header = file.readline()
            table = np.genfromtxt(file, delimiter=",")
        leads = table[:, 1:]
        missing += int(np.isnan(leads).sum())
        total += leads.size
        scaled = (leads - np.nanmean(leads, axis=0)) / np.nanstd(leads, axis=0)
        table[:, 1:] = np.nan_to_num(scaled)
        target = BASE / "leads" / source.name
        np.savetxt(target, table, delimiter=",", fmt="%.6f", header=header.strip(), comments="")
        print(f"{source.name}: {len(table)} samples of {leads.shape[1]} leads")
    (BASE / "report" / "report.json").write_text(json.dumps({"missing": missing / total}))


if __name__ == "__main__":
    main()
