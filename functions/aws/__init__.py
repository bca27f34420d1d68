"""The adapters: the only place that knows boto3; nothing of its shapes leaves here."""
