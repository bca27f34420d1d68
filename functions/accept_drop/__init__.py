"""A drop becomes a dataset, or is refused with a reason."""
