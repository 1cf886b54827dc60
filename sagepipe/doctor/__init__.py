"""Looks, changes nothing, and says what would stop a first start, with the command that mends it.

Each check is one small function that is registered in `findings`.

    findings.py    a finding, and the registry of checks
    case.py        what is examined: a pipeline's jobs, as they will be asked for, and an account
    examine.py     runs the checks
    visit.py       from settings, or from what is deployed, to findings
    account.py     roles and buckets
    access.py      what the roles may do
    data.py, quotas.py, images.py, keys.py, network.py, scheduling.py, packages.py
"""
