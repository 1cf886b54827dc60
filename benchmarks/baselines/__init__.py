"""What the step scripts are measured against, each a program of its own."""
