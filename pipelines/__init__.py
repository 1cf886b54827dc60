"""Assembling, checking, deploying and running the pipeline: one command per module."""
