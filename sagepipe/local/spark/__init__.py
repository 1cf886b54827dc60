"""Spark as the managed image has it, on pip's Spark and a JRE from a wheel."""
