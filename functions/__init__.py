"""The Lambda functions: one package each, plus the table that wires them and their adapters."""
