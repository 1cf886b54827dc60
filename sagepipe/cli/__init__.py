"""The commands: one frame for all, and one thin module each."""
