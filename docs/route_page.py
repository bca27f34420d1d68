"""The page of routes: the wiring table and its picture."""

import json

from docs.speech import speakers
from docs.words import table
from events.foreign import Foreign
from functions.routes import FUNCTIONS, ROUTES, SCHEDULES, Route

_HEAD = """\
# Routes

Who wakes whom, all of it: `ROUTES` and `SCHEDULES` in `functions/routes.py`. CDK makes one rule of
each row; nothing else wires. `${prefix}` stands for the stage's prefix (`sluice-dev`) and
`${data_bucket}` for its data bucket.
"""
_SOURCES = {
    "aws.s3": "S3",
    "aws.sagemaker": "SageMaker",
    "aws.cloudwatch": "CloudWatch",
}


def route_page() -> str:
    """docs/routes.md."""
    rows = [_row(route) for route in ROUTES]
    rows += [(f"every {s.minutes} minutes", f"`{s.to}`", "the clock", "") for s in SCHEDULES]
    lines = table(("event", "wakes", "bus", "only when its detail matches"), rows)
    return "\n".join([_HEAD, *lines, "", "```mermaid", *_chart(), "```", ""])


def _row(route: Route) -> tuple[str, ...]:
    bus = "`sluice`" if route.ours else "default"
    only = f"`{json.dumps(route.only, ensure_ascii=False)}`" if route.only else ""
    return (f"`{route.on.__name__}`", f"`{route.to}`", bus, only)


def _chart() -> list[str]:
    edges = [edge for route in ROUTES for edge in _edges(route)]
    edges += [("clock", f"every {s.minutes} min", s.to) for s in SCHEDULES]
    outside = sorted({start for start, _, _ in edges} - set(FUNCTIONS))
    nodes = [f"    {_node(name)}([{name}])" for name in outside]
    arrows = [f"    {_node(start)} -- {said} --> {end}" for start, said, end in edges]
    return ["flowchart LR", *nodes, *arrows]


def _edges(route: Route) -> list[tuple[str, str, str]]:
    """From whoever says it, by what is said, to whom it wakes."""
    said = route.on.__name__
    if issubclass(route.on, Foreign):
        return [(_SOURCES[route.on.source], said, route.to)]
    return [(speaker, said, route.to) for speaker in speakers()[said]]


def _node(name: str) -> str:
    return name.replace(" ", "_")
