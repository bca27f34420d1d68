"""Our safetensors files are safetensors files; the package is the oracle."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from training import weights
from training.failure import ArtifactError


def some_tensors() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {
        "weight": torch.randn(3, 5),
        "half": torch.randn(7).to(torch.bfloat16),
        "step": torch.tensor(3.0),
        "flags": torch.tensor([True, False, True]),
        "state": torch.randint(0, 255, (11,), dtype=torch.uint8),
        "empty": torch.empty(0, 4),
        "turned": torch.randn(4, 2).t(),
    }


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) and first[name].dtype == second[name].dtype
        for name in first
    )


def test_what_we_write_the_package_reads(tmp_path: Path) -> None:
    weights.save(tmp_path / "w", some_tensors(), {"columns": "[]"})

    assert same(safetensors.torch.load_file(tmp_path / "w"), some_tensors())


def test_what_the_package_writes_we_read(tmp_path: Path) -> None:
    tensors = {name: value.contiguous() for name, value in some_tensors().items()}
    safetensors.torch.save_file(tensors, tmp_path / "w", {"format": "pt"})

    loaded, metadata = weights.load(tmp_path / "w")

    assert same(loaded, some_tensors())
    assert metadata == {"format": "pt"}


def test_the_order_of_the_mapping_does_not_change_the_bytes(tmp_path: Path) -> None:
    tensors = some_tensors()
    weights.save(tmp_path / "a", tensors, {"x": "1", "y": "2"})
    weights.save(tmp_path / "b", dict(reversed(tensors.items())), {"y": "2", "x": "1"})

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_content_digest_sees_one_bit() -> None:
    tensors = some_tensors()
    changed = tensors | {"flags": torch.tensor([True, False, False])}

    assert weights.content_digest(tensors) == weights.content_digest(some_tensors())
    assert weights.content_digest(tensors) != weights.content_digest(changed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:4],
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: data[:8] + b"[" + data[9:],
        lambda data: data.replace(b'"F32"', b'"F31"'),
        lambda data: data.replace(b"[3,5]", b"[3,6]"),
        lambda data: data.replace(b'"shape":[3,5]', b'"shape":"3,5"'),
        lambda data: data.replace(b'"dtype":"F32"', b'"dtyqe":"F32"'),
    ],
    ids=["cut", "stub", "length", "header", "type", "shape", "word", "key"],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    weights.save(tmp_path / "w", some_tensors(), {})
    (tmp_path / "w").write_bytes(damage((tmp_path / "w").read_bytes()))

    with pytest.raises(ArtifactError, match="WEIGHTS_DAMAGED"):
        weights.load(tmp_path / "w")
