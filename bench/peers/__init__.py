"""The peers a benchmark stands beside."""
