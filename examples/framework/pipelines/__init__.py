"""The repository's pipelines; registry.py lists them."""
