"""What the step Clean of the fixture project would run."""

print("clean")
