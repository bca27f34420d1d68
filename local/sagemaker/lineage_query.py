"""QueryLineage: the entities that are found along the associations from where one starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local.errors import AwsError
from local.pages import page
from local.sagemaker.parts import Request

_DEPTH = 10
_UP, _DOWN = "up", "down"
_WAYS = {"Ascendants": (_UP,), "Descendants": (_DOWN,), "Both": (_UP, _DOWN)}
_SPANS = {
    "CreatedBefore": ("CreationTime", -1),
    "CreatedAfter": ("CreationTime", 1),
    "ModifiedBefore": ("LastModifiedTime", -1),
    "ModifiedAfter": ("LastModifiedTime", 1),
}


@dataclass(frozen=True)
class Graph:
    """Entities by ARN, and what leads from one to another."""

    entities: Mapping[str, Request]
    edges: Sequence[Request]

    def walked(self, start: Sequence[str], way: str, depth: int) -> list[str]:
        """ARNs in the order in which they are found, where one starts before all."""
        here, there = ("SourceArn", "DestinationArn")
        if way == _UP:
            here, there = there, here
        seen = dict.fromkeys(start)
        now = list(start)
        for _ in range(depth):
            now = [e[there] for e in self.edges if e[here] in now and e[there] not in seen]
            seen |= dict.fromkeys(now)
        return list(seen)


def query(graph: Graph, request: Request) -> Request:
    """Vertices (and edges, if wanted) that a request asks for; raises AwsError."""
    start = request.get("StartArns", [])
    missing = [arn for arn in start if arn not in graph.entities]
    if missing:
        raise AwsError("ResourceNotFound", f"Lineage entity {missing[0]} does not exist.")
    with_edges = bool(request.get("IncludeEdges"))
    found: dict[str, None] = {}
    for way in _WAYS[request.get("Direction", "Both")]:
        found |= dict.fromkeys(_found(graph, request, way, with_path=with_edges))
    told = [graph.entities[arn] for arn in found]
    vertices = [{k: each[k] for k in ("Arn", "Type", "LineageType")} for each in told]
    answer = page("Vertices", vertices, {"MaxResults": 50, **request}, limit="MaxResults")
    return answer | {"Edges": _between(graph, list(found)) if with_edges else []}


def _found(graph: Graph, request: Request, way: str, *, with_path: bool) -> list[str]:
    """What is reached in one direction and let through, and what leads there if wanted."""
    start, depth = request.get("StartArns", []), int(request.get("MaxDepth", _DEPTH))
    filters = request.get("Filters", {})
    walked = graph.walked(start, way, depth)
    wanted = {arn for arn in walked if arn not in start and _matches(graph.entities[arn], filters)}
    if not with_path:
        return [arn for arn in walked if arn in wanted]
    return [arn for arn in walked if wanted & set(graph.walked([arn], way, depth))]


def _between(graph: Graph, path: Sequence[str]) -> list[Request]:
    keys = ("SourceArn", "DestinationArn", "AssociationType")
    return [
        {key: edge[key] for key in keys if key in edge}
        for edge in graph.edges
        if edge["SourceArn"] in path and edge["DestinationArn"] in path
    ]


def _matches(entity: Request, filters: Request) -> bool:
    return (
        entity["Type"] in filters.get("Types", [entity["Type"]])
        and entity["LineageType"] in filters.get("LineageTypes", [entity["LineageType"]])
        and filters.get("Properties", {}).items() <= entity["Properties"].items()
        and all(
            (entity[key] - filters[name]).total_seconds() * side >= 0
            for name, (key, side) in _SPANS.items()
            if name in filters
        )
    )
