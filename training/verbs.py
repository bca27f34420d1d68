"""Asks a task for what it promises, and refuses an answer of another kind.

Letters of the shapes: N rows, B rows of a batch, F columns.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training import weights
from training.failure import CodeError
from training.task import Task


def built(task: Task) -> nn.Module:
    """A model that can be trained, and kept: what it cannot is told before anything is paid for."""
    model = task.build()
    if not isinstance(model, nn.Module) or not list(model.parameters()):
        raise CodeError(
            "MODEL_CODE_BROKEN",
            f"build of Task gave {type(model).__name__}: it must be a torch module with parameters",
        )
    for name, value in model.state_dict().items():
        if not weights.can_keep(value):
            raise CodeError(
                "MODEL_CODE_BROKEN",
                f"build of Task gave a model whose {name} is"
                f" {getattr(value, 'dtype', type(value).__name__)}: no weights file can keep it",
            )
    return model


def featured(task: Task, raw_NF: Tensor) -> Tensor:
    """The task's own view of the rows, one for each."""
    x_NF = _tensor("features", task.features(raw_NF))
    if x_NF.ndim == 0 or len(x_NF) != len(raw_NF):
        raise CodeError(
            "MODEL_CODE_BROKEN",
            f"features of Task gave shape {tuple(x_NF.shape)} for {len(raw_NF)} rows: one a row",
        )
    return x_NF


def learnable(loss: Tensor) -> Tensor:
    """One number, and it says which way the model has to go."""
    if _tensor("loss", loss).shape != () or not loss.requires_grad:
        raise CodeError(
            "MODEL_CODE_BROKEN",
            f"loss of Task gave shape {tuple(loss.shape)}"
            f" {'with' if loss.requires_grad else 'without'} a gradient:"
            " it must be one number that depends on the model",
        )
    return loss


def predict(task: Task, model: nn.Module, x_NF: Tensor, *, batch: int) -> Tensor:
    """Answers for all rows, in evaluation mode; a task that answers in another shape is refused."""
    model.eval()
    with torch.inference_mode():
        parts = [task.predict(model, x_BF) for x_BF in torch.split(x_NF, batch)]
    answers_N = torch.cat([_tensor("predict", part) for part in parts])
    if answers_N.shape != (len(x_NF),):
        raise CodeError(
            "MODEL_CODE_BROKEN",
            f"predict of Task gave shape {tuple(answers_N.shape)} for {len(x_NF)} rows:"
            " one answer a row",
        )
    return answers_N


def _tensor(verb: str, value: Tensor) -> Tensor:
    if not isinstance(value, Tensor):
        raise CodeError(
            "MODEL_CODE_BROKEN", f"{verb} of Task gave {type(value).__name__}: it must be a tensor"
        )
    return value
