"""Enginebay's window. Everything that is not on screen lives in core."""
