"""Building definitions with the SageMaker SDK, offline."""
