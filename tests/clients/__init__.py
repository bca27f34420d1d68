"""Clients as their makers publish them, unmodified, against the embedded AWS."""
