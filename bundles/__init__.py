"""Turns source folders into the deterministic archives that jobs run from."""
