"""Pages for people; four of them are written by code from code."""
