"""The figures of the README and docs/scaling.md, measured: `python -m benchmarks`."""
