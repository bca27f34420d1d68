"""A transform job's data: split into payloads, filtered, joined with the answers, put together."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.sagemaker.json_path import json_path

MEGABYTE = 1024 * 1024
_DEFAULT_PAYLOAD = 6


class RecordError(RuntimeError):
    """A record or an answer that cannot be used; the message is for the job's log."""


@dataclass(frozen=True)
class Payload:
    """What is sent at once: the records as they were read, and the body made of them."""

    records: Sequence[bytes]
    body: bytes


class Records:
    """How one transform job reads its input and writes its output."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        """Raises ValidationException for filters that this AWS does not know."""
        self._source = told["TransformInput"]
        self._target = told["TransformOutput"]
        self._single = told.get("BatchStrategy") == "SingleRecord"
        self._most = told.get("MaxPayloadInMB", _DEFAULT_PAYLOAD) * MEGABYTE
        processing = told.get("DataProcessing", {})
        self._filters = bool(processing)
        self._input = json_path(processing.get("InputFilter", "$"))
        self._output = json_path(processing.get("OutputFilter", "$"))
        self._joins = processing.get("JoinSource") == "Input"

    def payloads(self, content: bytes) -> Iterator[Payload]:
        """Raises RecordError for a record that is larger than a payload may be."""
        if self._source.get("SplitType", "None") != "Line":
            yield self._payload([content])
            return
        batch: list[bytes] = []
        size = 0
        for line in content.splitlines(keepends=True):
            if batch and (self._single or (self._most and size + len(line) > self._most)):
                yield self._payload(batch)
                batch, size = [], 0
            batch.append(line)
            size += len(line)
        if batch:
            yield self._payload(batch)

    def answered(self, payload: Payload, answer: bytes) -> bytes:
        """What is written for a payload; raises RecordError when the answer does not fit it."""
        if not self._filters:
            return answer
        lines = [answer] if len(payload.records) == 1 else answer.splitlines()
        if len(lines) != len(payload.records):
            raise RecordError(f"{len(payload.records)} records were answered by {len(lines)}")
        pairs = zip(payload.records, lines, strict=True)
        return b"\n".join(self._written(record, line) for record, line in pairs)

    def assembled(self, answers: Sequence[bytes]) -> bytes:
        """The whole output object."""
        if self._target.get("AssembleWith", "None") != "Line":
            return b"".join(answers)
        return b"".join(answer.rstrip(b"\n") + b"\n" for answer in answers)

    def _payload(self, records: list[bytes]) -> Payload:
        body = b"".join(self._wanted(record) for record in records)
        if self._most and len(body) > self._most:
            raise RecordError(f"a payload of {len(body)} bytes is larger than MaxPayloadInMB")
        return Payload(records, body)

    def _wanted(self, record: bytes) -> bytes:
        if not self._filters:
            return record
        own = _written(_chosen(self._input, self._read(record)), is_csv=self._is_csv())
        return own + (b"\n" if record.endswith(b"\n") else b"")

    def _written(self, record: bytes, answer: bytes) -> bytes:
        found = _read(answer, is_csv=self._answers_csv())
        if self._joins:
            found = _joined(self._read(record), found)
        return _written(_chosen(self._output, found), is_csv=self._answers_csv())

    def _read(self, record: bytes) -> Any:
        return _read(record, is_csv=self._is_csv())

    def _is_csv(self) -> bool:
        return "csv" in str(self._source.get("ContentType", ""))

    def _answers_csv(self) -> bool:
        return "csv" in str(self._target.get("Accept") or self._source.get("ContentType", ""))


def _chosen(path: Callable[[Any], Any], value: Any) -> Any:
    try:
        return path(value)
    except (LookupError, TypeError) as error:
        raise RecordError(f"a filter does not fit a record: {error}") from error


def _read(record: bytes, *, is_csv: bool) -> Any:
    try:
        text = record.decode().strip()
        return next(csv.reader([text]), []) if is_csv else json.loads(text)
    except ValueError as error:
        raise RecordError(f"a record cannot be read: {error}") from error


def _written(value: Any, *, is_csv: bool) -> bytes:
    if not is_csv:
        return json.dumps(value).encode()
    row = value if isinstance(value, list) else [value]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(row)
    return line.getvalue().encode()


def _joined(record: Any, answer: Any) -> Any:
    match record, answer:
        case list(), list():
            return record + answer
        case dict(), _:
            return record | {"SageMakerOutput": answer}
        case _:
            return {"SageMakerInput": record, "SageMakerOutput": answer}
