"""A dataset becomes a run: one training job, named after its cause."""
