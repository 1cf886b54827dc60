"""One module for each step of the pipeline, and what they share."""
