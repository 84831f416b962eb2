"""Hostile input for every reader: `python -m tests.fuzz --count 20000` from the root."""
