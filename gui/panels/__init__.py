"""The window's panels, one file each. Panels show what they are given and emit intents."""
