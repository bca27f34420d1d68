"""The resource types that templates may use, by their CloudFormation names."""

from collections.abc import Mapping

from local.cloudformation.provider import Provider, Surroundings
from local.cloudformation.resources import (
    access,
    encryption,
    eventing,
    functions,
    messaging,
    observability,
    placeholders,
    registry,
    scaling,
    schedules,
    storage,
    stores,
    tables,
)

TYPES: Mapping[str, type[Provider]] = {
    **access.TYPES,
    **encryption.TYPES,
    **eventing.TYPES,
    **functions.TYPES,
    **messaging.TYPES,
    **observability.TYPES,
    **placeholders.TYPES,
    **registry.TYPES,
    **scaling.TYPES,
    **schedules.TYPES,
    **storage.TYPES,
    **stores.TYPES,
    **tables.TYPES,
}


def providers(around: Surroundings) -> dict[str, Provider]:
    return {name: kind(around) for name, kind in TYPES.items()}
