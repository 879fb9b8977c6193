"""The Layers tab: a table, the slowest, shares, hints, details and a graph of a model's layers."""
