"""The window's Benchmark tab: what to measure, what came of it, and its history."""
