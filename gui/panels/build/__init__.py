"""The Build window: what a new engine will be, and the builds one after another."""
