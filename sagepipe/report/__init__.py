"""What an execution looks like, to a person."""
