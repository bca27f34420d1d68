"""The numbers decide whether a candidate becomes an approved version."""
