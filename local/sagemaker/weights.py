"""What an update wants of weights and counts."""

from collections.abc import Mapping, Set

from local.sagemaker.fleet import Fleet
from local.sagemaker.parts import Request, invalid


def desired(fleet: Fleet, asked: Mapping[str, Request]) -> dict[str, tuple[float, int]]:
    """Weight and count of every variant; raises SageMaker's errors."""
    unknown = sorted(set(asked) - set(fleet.variants))
    if unknown:
        raise invalid(f"The variant name(s) {unknown} are not present within endpoint.")
    wanted = {
        name: (
            asked.get(name, {}).get("DesiredWeight", variant.weight),
            asked.get(name, {}).get("DesiredInstanceCount", variant.count),
        )
        for name, variant in fleet.variants.items()
    }
    if not any(wanted[variant.name][0] for variant in fleet.production):
        raise invalid("The sum of the variant weights must be greater than zero.")
    if fleet.asynchronous is None and not all(count for _, count in wanted.values()):
        raise invalid("DesiredInstanceCount must be at least 1.")
    return wanted


def check_scaled(before: Fleet | None, after: Fleet, registered: Set[str]) -> None:
    """A variant that is a scalable target stays, on its type of instance; raises otherwise."""
    known = before.variants if before is not None else {}
    changed = [
        name for name in registered & known.keys() if _kind(before, name) != _kind(after, name)
    ]
    if changed:
        raise invalid(
            f"The variant(s) {sorted(changed)} must be deregistered as scalable targets of"
            " Application Auto Scaling before they can be removed or have another instance type."
        )


def _kind(fleet: Fleet | None, variant: str) -> str | None:
    found = fleet.variants.get(variant) if fleet is not None else None
    return str(found.settings.get("InstanceType", "")) if found is not None else None


def retain(before: Fleet, after: Fleet, request: Request) -> None:
    """Weights, counts and what is captured stay, but for what is asked not to."""
    excluded = {
        each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", ())
    }
    for name in before.variants.keys() & after.variants.keys():
        was, variant = before.variants[name], after.variants[name]
        if "DesiredWeight" not in excluded:
            variant.weight = was.weight
        if "DesiredInstanceCount" not in excluded:
            variant.count = was.count
    if "DataCaptureConfig" not in excluded:
        after.capture_as(before)
