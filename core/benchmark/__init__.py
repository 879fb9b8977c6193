"""Measure a model honestly: what each number means is said where it is computed."""
