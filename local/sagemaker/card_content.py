"""The content of model cards: a JSON object of the sections that the model card schema knows."""

import json
from typing import Any

from local.sagemaker.parts import invalid

_SECTIONS = frozenset(
    {
        "model_overview",
        "model_package_details",
        "intended_uses",
        "business_details",
        "training_details",
        "evaluation_details",
        "additional_information",
    }
)


def check_content(content: str) -> dict[str, Any]:
    """The content read; raises ValidationException for what is no card."""
    try:
        read = json.loads(content)
    except ValueError as error:
        raise invalid(f"Model card content is not valid JSON: {error}") from error
    if not isinstance(read, dict):
        raise invalid("Model card content must be a JSON object.")
    unknown = sorted(set(read) - _SECTIONS)
    if unknown:
        raise invalid(f"Model card content has unknown sections: {', '.join(unknown)}.")
    return read


def model_of(content: str) -> str:
    """The model that a card names, or nothing."""
    overview = check_content(content).get("model_overview", {})
    return str(overview.get("model_id", "")) if isinstance(overview, dict) else ""
