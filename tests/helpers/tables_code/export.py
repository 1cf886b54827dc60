"""What the step Export of the fixture project would run."""

print("export")
