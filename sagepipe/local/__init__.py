"""The local engine: executes a pipeline definition without Docker or AWS."""
