"""What AWS documents, checked against the embedded AWS or a real account."""
