"""`embedded-aws.md`: how true to AWS each operation of the embedded AWS is."""

import importlib
import pkgutil
from collections.abc import Mapping

import botocore.session

import local.fidelity
from local.fidelity import Fidelity

_SERVICES = {"lambda_": "lambda"}
"""Modules whose name cannot be the service's."""
_MOTO = (
    "s3",
    "dynamodb",
    "sqs",
    "sns",
    "ssm",
    "iam",
    "sts",
    "kms",
    "ecr",
)
_INTRODUCTION = """# The embedded AWS, operation by operation

*Exact* means that we know of no difference in what a client sees; *partial* names the difference.
What is not listed answers with the error code `NotImplemented` and a pointer to this page.
[Its README](../local/README.md) tells what it is and how it differs as a whole.
"""
_REST = """## Answered by moto

{names}: storage and API shapes are [moto's](https://docs.getmoto.org), in a process that keeps
their state. What moto does not know answers `NotImplemented` too.
"""


def tables() -> dict[str, dict[str, Fidelity]]:
    """Operations by service; the parts of SageMaker's control plane are one service."""
    found: dict[str, dict[str, Fidelity]] = {}
    for module in pkgutil.iter_modules(local.fidelity.__path__):
        part = importlib.import_module(f"local.fidelity.{module.name}")
        service = _service(module.name)
        found.setdefault(service, {}).update(part.OPERATIONS)
    return dict(sorted(found.items()))


def _service(module: str) -> str:
    if module.startswith("sagemaker_") and module != "sagemaker_runtime":
        return "sagemaker"
    return _SERVICES.get(module, module.replace("_", "-"))


def missing(service: str, operations: Mapping[str, Fidelity]) -> list[str]:
    """What AWS's service model knows and the table does not."""
    model = botocore.session.get_session().get_service_model(service)
    return sorted(set(model.operation_names) - set(operations))


def embedded_page() -> str:
    """The page as Markdown."""
    parts = [_INTRODUCTION]
    parts += [_section(service, operations) for service, operations in tables().items()]
    own = tables()
    rest = ", ".join(f"`{name}`" for name in _MOTO if name not in own)
    parts.append(_REST.format(names=rest))
    return "\n".join(parts)


def _section(service: str, operations: Mapping[str, Fidelity]) -> str:
    exact = sum(each.level == "exact" for each in operations.values())
    absent = missing(service, operations)
    lines = [
        f"## `{service}`",
        "",
        f"{exact} exact, {len(operations) - exact} partial, {len(absent)} not there.",
        "",
        "| operation | | what AWS does and this does not |",
        "|---|---|---|",
    ]
    lines += [
        f"| {name} | {told.level} | {told.difference} |"
        for name, told in sorted(operations.items())
    ]
    if absent:
        lines += [
            "",
            "<details><summary>Not there</summary>",
            "",
            ", ".join(absent),
            "",
            "</details>",
        ]
    return "\n".join([*lines, ""])
