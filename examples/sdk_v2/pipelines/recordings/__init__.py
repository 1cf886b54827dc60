"""Normalised leads."""
