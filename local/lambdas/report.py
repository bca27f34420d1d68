"""The lines that Lambda itself writes at the end of an invocation."""

import json
import math
from datetime import UTC, datetime

from local.lambdas.memory import MEBIBYTE
from local.lambdas.runtime_api import Outcome, Task
from local.lambdas.sandbox import Sandbox

_PLATFORM = {"Sandbox.Timedout": "timeout", "Runtime.ExitError": "error"}
"""What the platform says of an invocation that did not end by itself."""


def ended(task: Task, outcome: Outcome, elapsed: float, sandbox: Sandbox) -> list[str]:
    """`elapsed` in milliseconds."""
    kind, message = _error(outcome)
    end, report = f"END RequestId: {task.request_id}", _report(task, elapsed, sandbox)
    match _PLATFORM.get(kind):
        case "timeout":
            moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            said = message.partition(" Error: ")[2]
            line = f"{moment} {task.request_id} {said}"
            return [line, end, f"{report}Status: timeout"]
        case "error":
            return [message, kind, end, f"{report}Status: error\tError Type: {kind}"]
        case _:
            return [end, report.rstrip("\t")]


def _error(outcome: Outcome) -> tuple[str, str]:
    if not outcome.error:
        return "", ""
    try:
        told = json.loads(outcome.payload)
        return str(told["errorType"]), str(told["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return "", ""


def _report(task: Task, elapsed: float, sandbox: Sandbox) -> str:
    size = sandbox.function.memory
    used = min(size, math.ceil(sandbox.peak() / MEBIBYTE))
    init = sandbox.take_init()
    told = "" if init is None else f"Init Duration: {init * 1000:.2f} ms\t"
    return (
        f"REPORT RequestId: {task.request_id}\tDuration: {elapsed:.2f} ms\t"
        f"Billed Duration: {math.ceil(elapsed)} ms\tMemory Size: {size} MB\t"
        f"Max Memory Used: {used} MB\t{told}"
    )
