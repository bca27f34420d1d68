"""Lambda functions for the checks: they do what their event says."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from tests.conformance.target import Target

SOURCE = """
import os, sys, time
try:
    from shared import WORD
except ImportError:
    WORD = ""

def handle(event, context):
    if event.get("raise"):
        raise ValueError(event["raise"])
    if event.get("say"):
        print(event["say"])
    if event.get("exit") is not None:
        os._exit(event["exit"])
    if event.get("megabytes"):
        held = bytearray(event["megabytes"] * 1024 * 1024)
        held[::4096] = b"x" * len(held[::4096])
    time.sleep(event.get("sleep", 0))
    return {
        "event": event,
        "pid": os.getpid(),
        "arn": context.invoked_function_arn,
        "version": context.function_version,
        "environment": dict(os.environ),
        "left": context.get_remaining_time_in_millis(),
        "word": WORD,
    }
"""
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def package(source: str = SOURCE, name: str = "app.py") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), source)
    return packed.getvalue()


def role(aws: Target) -> str:
    """A role that Lambda may take."""
    iam = aws.client("iam")
    name = "conformance-lambda"
    try:
        found = iam.get_role(RoleName=name)
    except ClientError:
        found = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))
    return str(found["Role"]["Arn"])


def settings(aws: Target, **changed: Any) -> dict[str, Any]:
    """What CreateFunction needs."""
    given = {
        "FunctionName": aws.name("fn"),
        "Role": role(aws),
        "Runtime": "python3.12",
        "Handler": "app.handle",
        "Code": {"ZipFile": package()},
        "Timeout": 20,
        **changed,
    }
    return {name: value for name, value in given.items() if value is not None}


@contextmanager
def created(aws: Target, **changed: Any) -> Iterator[str]:
    """A function that is there for a while."""
    functions = aws.client("lambda")
    request = settings(aws, **changed)
    _create(functions, request)
    functions.get_waiter("function_active_v2").wait(FunctionName=request["FunctionName"])
    try:
        yield request["FunctionName"]
    finally:
        functions.delete_function(FunctionName=request["FunctionName"])


def _create(functions: Any, request: dict[str, Any]) -> None:
    """A role that was just made is not known everywhere at once."""
    deadline = time.monotonic() + 60
    while True:
        try:
            functions.create_function(**request)
        except ClientError as error:
            unknown = "cannot be assumed by Lambda" in str(error)
            if not unknown or time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return


def invoke(aws: Target, function: str, event: Any, **request: Any) -> tuple[Any, dict[str, Any]]:
    """The decoded payload, and the answer around it."""
    answer = aws.client("lambda").invoke(
        FunctionName=function, Payload=json.dumps(event), **request
    )
    return json.loads(answer["Payload"].read() or b"null"), answer
