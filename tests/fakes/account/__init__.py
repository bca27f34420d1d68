"""One AWS account in memory, asked by real boto3 clients: only their HTTP is replaced."""
