"""One module for each step: its parameters, processor, inputs, outputs and arguments."""
