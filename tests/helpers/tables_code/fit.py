"""What the step Fit of the fixture project would run."""

print("fit")
