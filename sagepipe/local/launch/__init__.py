"""An instance's process and what it sees."""
