"""Measures this system beside named peers, in one run, on one machine."""
