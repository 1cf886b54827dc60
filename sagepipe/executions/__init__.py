"""Executions on the service: starting, following and reading them."""
