"""How a variant is scaled: bounds and policies, as they are kept while its endpoint is updated."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Scaling(BaseModel):
    """A variant that is a scalable target."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    variant: str
    least: int
    most: int
    policies: tuple[dict[str, Any], ...] = ()
    """Application Auto Scaling's own words, as it takes them again."""


def after_update(
    kept: tuple[Scaling, ...], champion: str | None, challenger: str
) -> tuple[Scaling, ...]:
    """What is to be scaled again: who was, and a challenger as the champion is."""
    standing = [each for each in kept if each.variant in {champion, challenger}]
    if any(each.variant == challenger for each in standing):
        return tuple(standing)
    like = [each for each in standing if each.variant == champion]
    return (*standing, *(each.model_copy(update={"variant": challenger}) for each in like))
