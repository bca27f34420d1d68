"""Functions as they are kept: JSON, with code by the digest of its package."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from local.lambdas.function import Code, Deployed, Function, Layer

Record = dict[str, Any]
_AS_THEY_ARE = ("tags", "aliases", "policies", "event_invoke", "reserved")
_COUNTED = ("published", "published_from")


def of_deployed(deployed: Deployed) -> Record:
    plain = {name: getattr(deployed, name) for name in (*_AS_THEY_ARE, *_COUNTED)}
    versions = {number: _of_function(each) for number, each in deployed.versions.items()}
    return {**plain, "latest": _of_function(deployed.latest), "versions": versions}


def to_deployed(record: Record, folder: Path) -> Deployed:
    """`folder` is where packages lie, unpacked."""
    plain = {name: record[name] for name in (*_AS_THEY_ARE, *_COUNTED)}
    versions = {
        n: replace(_to_function(f, folder), version=n) for n, f in record["versions"].items()
    }
    return Deployed(_to_function(record["latest"], folder), versions=versions, **plain)


def of_code(code: Code) -> Record:
    return {"digest": code.path.name, "sha256": code.sha256, "size": code.size}


def to_code(record: Record, folder: Path) -> Code:
    return Code(folder / record["digest"], record["sha256"], record["size"])


def _of_function(function: Function) -> Record:
    return {
        "name": function.name,
        "arn": function.arn,
        "code": of_code(function.code),
        "settings": dict(function.settings),
        "modified": function.modified,
        "layers": [{"arn": each.arn, "code": of_code(each.code)} for each in function.layers],
    }


def _to_function(record: Record, folder: Path) -> Function:
    layers = tuple(Layer(each["arn"], to_code(each["code"], folder)) for each in record["layers"])
    code = to_code(record["code"], folder)
    return Function(**{**record, "code": code, "layers": layers})
