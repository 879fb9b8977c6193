"""Detection: one file for each layout in which boxes come out."""
