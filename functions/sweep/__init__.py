"""Whatever an event failed to finish is asked for again."""
