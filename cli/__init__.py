"""The `sluice` command: people's way to a stage, on an account or on the embedded AWS."""
