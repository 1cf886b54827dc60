"""Shared by the fixture project's scripts."""
