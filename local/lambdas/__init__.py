"""AWS Lambda: each function is its deployed asset in a process under the real awslambdaric."""

from local.lambdas.service import Invocation, Lambdas

__all__ = ["Invocation", "Lambdas"]
