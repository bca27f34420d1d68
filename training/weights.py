"""Reads and writes safetensors files: the format of the specification, without the package.

AWS's PyTorch training images do not ship `safetensors`. The package also writes its metadata in
the order of a hash map; these bytes are the same for the same tensors.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

import torch
from torch import Tensor

from training.failure import ArtifactError

_DTYPES: Final = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES: Final = {dtype: name for name, dtype in _DTYPES.items()}
_HEADER_LIMIT: Final = 100_000_000  # of the specification
_METADATA: Final = "__metadata__"


def save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    header: dict[str, object] = {_METADATA: dict(sorted(metadata.items()))}
    offset = 0
    for name, tensor in ordered:
        end = offset + tensor.nbytes
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    with path.open("wb") as file:
        head = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        head += b" " * (-len(head) % 8)
        file.write(len(head).to_bytes(8, "little") + head)
        for _, tensor in ordered:
            file.write(_bytes(tensor))


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with path.open("rb") as file:
        header = _header(path, file)
        data = bytearray(file.read())
    metadata = header.pop(_METADATA, {})
    try:
        tensors = {name: _tensor(entry, data) for name, entry in header.items()}
        return tensors, {str(key): str(value) for key, value in metadata.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"an entry of its header is wrong: {error}") from error


def can_keep(value: object) -> bool:
    return isinstance(value, Tensor) and value.dtype in _NAMES


def content_digest(tensors: Mapping[str, Tensor]) -> str:
    """Of names, types, shapes and values, in an order that does not depend on the mapping's."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name} {_NAMES[tensor.dtype]} {list(tensor.shape)}\n".encode())
        total.update(_bytes(tensor))
    return total.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy())  # type: ignore[arg-type]  # it is a Buffer


def _header(path: Path, file: BinaryIO) -> dict[str, dict[str, object]]:
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= _HEADER_LIMIT:
        raise _damaged(path, f"its header claims {length} bytes")
    try:
        header = json.loads(file.read(length))
    except ValueError as error:
        raise _damaged(path, f"its header is no JSON: {error}") from error
    if not isinstance(header, dict):
        raise _damaged(path, "its header is no object")
    return header


def _tensor(entry: Mapping[str, object], data: bytearray) -> Tensor:
    dtype, shape, offsets = _DTYPES[str(entry["dtype"])], entry["shape"], entry["data_offsets"]
    if not isinstance(shape, list) or not isinstance(offsets, list):
        raise TypeError(f"shape {shape!r}, data_offsets {offsets!r}")
    start, end = offsets
    size = math.prod(shape)
    if not 0 <= start <= end <= len(data) or end - start != size * dtype.itemsize:
        raise ValueError(f"shape {shape} does not fit bytes {start} to {end} of {len(data)}")
    if size == 0:
        return torch.empty(shape, dtype=dtype)
    flat = torch.frombuffer(data, dtype=dtype, count=size, offset=start)
    return flat.reshape(shape)


def _damaged(path: Path, why: str) -> ArtifactError:
    return ArtifactError("WEIGHTS_DAMAGED", f"{path} is no whole safetensors file: {why}")
