"""The definition language: the one place where a definition is read."""
