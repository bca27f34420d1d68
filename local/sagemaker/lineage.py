"""Lineage: artifacts, actions and contexts, what leads from one to another, and queries for it."""

from local.sagemaker.associations import Associations
from local.sagemaker.lineage_entities import ACTIONS, ARTIFACTS, CONTEXTS, Entities
from local.sagemaker.lineage_query import Graph, query
from local.sagemaker.parts import Operations, Parts, Request


class Lineage:
    """The three kinds of entities, and the associations between them."""

    def __init__(self, parts: Parts) -> None:
        self._kinds = tuple(
            Entities(parts, kind, lambda arn: self._associations.touch(arn))
            for kind in (ARTIFACTS, ACTIONS, CONTEXTS)
        )
        self._associations = Associations(parts, self._summary)
        self.operations: Operations = {
            **{n: call for kind in self._kinds for n, call in kind.operations.items()},
            **self._associations.operations,
            "QueryLineage": self._query,
        }

    def _summary(self, arn: str) -> Request | None:
        """Type, name, lineage type and times of the entity at an ARN."""
        for kind in self._kinds:
            found = kind.get(arn)
            if found is not None:
                return kind.summary(found)
        return None

    def _query(self, request: Request) -> Request:
        edges = self._associations.all()
        ends = {edge[end] for edge in edges for end in ("SourceArn", "DestinationArn")}
        arns = ends | set(request.get("StartArns", []))
        entities = {arn: told for arn in arns if (told := self._summary(arn)) is not None}
        return query(Graph(entities, edges), request)
