"""What a lead can hold."""

import csv


def read_limits(path):
    """{lead: (lowest, highest)} in mV, from a table with the columns lead, lowest and highest."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["lead"]: (float(row["lowest"]), float(row["highest"])) for row in rows}


def reason(value, lowest, highest):
    """Why a value is flagged, or None."""
    if value is None:
        return "missing"
    if value < lowest:
        return "below"
    return "above" if value > highest else None
