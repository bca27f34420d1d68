"""The evidence moves traffic to the challenger, holds it, or asks it back."""
