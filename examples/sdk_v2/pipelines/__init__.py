"""Pipelines of SDK v2, a folder each with its get_pipeline()."""
