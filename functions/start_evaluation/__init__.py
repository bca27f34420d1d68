"""A trained candidate is put beside the champion on the same holdout."""
