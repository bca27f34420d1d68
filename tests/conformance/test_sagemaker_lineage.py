"""Lineage: artifacts, actions, contexts, what associates them, and how it is queried."""

from itertools import pairwise
from typing import Any

import pytest

from tests.conformance.target import Target, refusal

KINDS = ("artifact", "action", "context")


class Lineage:
    """Entities under names and sources of their own."""

    def __init__(self, aws: Target) -> None:
        self.aws = aws
        self.sagemaker = aws.client("sagemaker")

    def made(self, kind: str, **more: Any) -> dict[str, Any]:
        """What an entity was made with, and its ARN."""
        name, key = self.aws.name(kind), kind.capitalize()
        request = {
            f"{key}Name": name,
            f"{key}Type": "DataSet",
            "Source": {"SourceUri": f"s3://bucket/{name}"},
            **more,
        }
        made = getattr(self.sagemaker, f"create_{kind}")(**request)
        return {**request, "Arn": made[f"{key}Arn"]}

    def arn(self, kind: str = "artifact", **more: Any) -> str:
        return str(self.made(kind, **more)["Arn"])

    def meant(self, kind: str, made: dict[str, Any]) -> dict[str, str]:
        """How calls name an entity."""
        if kind == "artifact":
            return {"ArtifactArn": made["Arn"]}
        return {f"{kind.capitalize()}Name": made[f"{kind.capitalize()}Name"]}

    def call(self, verb: str, kind: str, **request: Any) -> dict[str, Any]:
        told: dict[str, Any] = getattr(self.sagemaker, f"{verb}_{kind}")(**request)
        return told

    def lead(self, source: str, destination: str, kind: str = "ContributedTo") -> None:
        self.sagemaker.add_association(
            SourceArn=source, DestinationArn=destination, AssociationType=kind
        )

    def chain(self, *kinds: str) -> list[str]:
        """Entities of these kinds, each leading to the next."""
        arns = [self.arn(kind) for kind in kinds]
        for source, destination in pairwise(arns):
            self.lead(source, destination)
        return arns

    def found(self, start: str, **request: Any) -> set[str]:
        told = self.sagemaker.query_lineage(StartArns=[start], **request)
        return {vertex["Arn"] for vertex in told["Vertices"]}


@pytest.fixture(scope="module")
def lineage(aws: Target) -> Lineage:
    return Lineage(aws)


@pytest.mark.parametrize("kind", KINDS)
def test_an_entity_is_told_as_it_was_made(lineage: Lineage, kind: str) -> None:
    made = lineage.made(kind, Properties={"rows": "10"})
    told = lineage.call("describe", kind, **lineage.meant(kind, made))
    assert {key: told[key] for key in made if key != "Arn"} == {
        key: value for key, value in made.items() if key != "Arn"
    }
    assert told["CreationTime"] == told["LastModifiedTime"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_entity_that_is_there_is_not_made_again(lineage: Lineage, kind: str) -> None:
    made = lineage.made(kind)
    del made["Arn"]
    create = getattr(lineage.sagemaker, f"create_{kind}")
    assert refusal(create, **made)[0] == "ValidationException"


@pytest.mark.parametrize("kind", KINDS)
def test_new_properties_take_the_place_of_all_there_were(lineage: Lineage, kind: str) -> None:
    made = lineage.made(kind, Properties={"a": "1"})
    meant = lineage.meant(kind, made)
    lineage.call("update", kind, **meant, Properties={"b": "2", "c": "3"})
    assert lineage.call("describe", kind, **meant)["Properties"] == {"b": "2", "c": "3"}
    lineage.call("update", kind, **meant, PropertiesToRemove=["b"])
    assert lineage.call("describe", kind, **meant)["Properties"] == {"c": "3"}


@pytest.mark.parametrize("kind", ["action", "context"])
def test_a_description_is_updated(lineage: Lineage, kind: str) -> None:
    meant = lineage.meant(kind, lineage.made(kind))
    lineage.call("update", kind, **meant, Description="of digits")
    assert lineage.call("describe", kind, **meant)["Description"] == "of digits"


@pytest.mark.parametrize("status", ["InProgress", "Completed", "Failed", "Stopped"])
def test_an_action_has_a_status(lineage: Lineage, status: str) -> None:
    meant = lineage.meant("action", lineage.made("action", Status="Unknown"))
    lineage.call("update", "action", **meant, Status=status)
    assert lineage.call("describe", "action", **meant)["Status"] == status


@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_entity_is_not_found(lineage: Lineage, kind: str) -> None:
    made = lineage.made(kind)
    meant = lineage.meant(kind, made)
    gone = lineage.call("delete", kind, **meant)
    assert gone[f"{kind.capitalize()}Arn"] == made["Arn"]
    for verb in ("describe", "update", "delete"):
        call = getattr(lineage.sagemaker, f"{verb}_{kind}")
        assert refusal(call, **meant)[0] == "ResourceNotFound"


def test_an_artifact_is_deleted_by_its_source(lineage: Lineage) -> None:
    made = lineage.made("artifact")
    lineage.sagemaker.delete_artifact(Source=made["Source"])
    describe = lineage.sagemaker.describe_artifact
    assert refusal(describe, ArtifactArn=made["Arn"])[0] == "ResourceNotFound"


def test_a_delete_of_no_artifact_is_refused(lineage: Lineage) -> None:
    code, text = refusal(lineage.sagemaker.delete_artifact)
    assert (code, text) == (
        "ValidationException",
        "Either ArtifactArn or Source must be specified.",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_entities_are_listed_by_source_and_type(lineage: Lineage, kind: str) -> None:
    made = lineage.made(kind)
    key = kind.capitalize()
    lists = getattr(lineage.sagemaker, f"list_{kind}s")
    by_source = lists(SourceUri=made["Source"]["SourceUri"])[f"{key}Summaries"]
    assert [each[f"{key}Arn"] for each in by_source] == [made["Arn"]]
    other = {f"{key}Type": "Other", "SourceUri": made["Source"]["SourceUri"]}
    assert lists(**other)[f"{key}Summaries"] == []


def test_entities_are_listed_newest_first_page_by_page(lineage: Lineage) -> None:
    kind = lineage.aws.name("type")
    made = [lineage.arn("context", ContextType=kind) for _ in range(5)]
    pages = lineage.sagemaker.get_paginator("list_contexts").paginate(
        ContextType=kind, PaginationConfig={"PageSize": 2}
    )
    seen = [[each["ContextArn"] for each in page["ContextSummaries"]] for page in pages]
    made.reverse()
    assert seen == [made[:2], made[2:4], made[4:]]


def test_an_association_tells_the_names_and_types_of_its_ends(lineage: Lineage) -> None:
    source = lineage.made("artifact", ArtifactType="Model")
    destination = lineage.made("context", ContextType="Endpoint")
    lineage.lead(source["Arn"], destination["Arn"], "AssociatedWith")
    listed = lineage.sagemaker.list_associations(SourceArn=source["Arn"])
    told = listed["AssociationSummaries"][0]
    assert {k: told[k] for k in told if k not in ("CreationTime", "CreatedBy")} == {
        "SourceArn": source["Arn"],
        "SourceType": "Model",
        "SourceName": source["ArtifactName"],
        "DestinationArn": destination["Arn"],
        "DestinationType": "Endpoint",
        "DestinationName": destination["ContextName"],
        "AssociationType": "AssociatedWith",
    }


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 2),
        ({"AssociationType": "Produced"}, 1),
        ({"AssociationType": "SameAs"}, 0),
        ({"DestinationType": "DataSet"}, 2),
        ({"DestinationType": "Model"}, 0),
    ],
)
def test_associations_are_listed_by_type(
    lineage: Lineage, filters: dict[str, str], count: int
) -> None:
    source, first, second = (lineage.arn() for _ in range(3))
    lineage.lead(source, first, "Produced")
    lineage.lead(source, second, "DerivedFrom")
    listed = lineage.sagemaker.list_associations(SourceArn=source, **filters)
    assert len(listed["AssociationSummaries"]) == count


def test_an_association_needs_both_ends(lineage: Lineage) -> None:
    there = lineage.arn()
    absent = there.rsplit("/", 1)[0] + "/" + "0" * 32
    add = lineage.sagemaker.add_association
    assert refusal(add, SourceArn=there, DestinationArn=absent)[0] == "ResourceNotFound"
    assert refusal(add, SourceArn=absent, DestinationArn=there)[0] == "ResourceNotFound"


def test_an_association_is_made_once_and_deleted_once(lineage: Lineage) -> None:
    source, destination = lineage.chain("artifact", "action")
    ends = {"SourceArn": source, "DestinationArn": destination}
    sagemaker = lineage.sagemaker
    assert refusal(sagemaker.add_association, **ends)[0] == "ValidationException"
    sagemaker.delete_association(**ends)
    assert refusal(sagemaker.delete_association, **ends)[0] == "ResourceNotFound"


def test_an_entity_with_associations_is_not_deleted(lineage: Lineage) -> None:
    source, _ = lineage.chain("artifact", "action")
    delete = lineage.sagemaker.delete_artifact
    assert refusal(delete, ArtifactArn=source)[0] == "ValidationException"


@pytest.mark.parametrize(
    ("direction", "places"),
    [("Ascendants", {0, 1}), ("Descendants", {3, 4}), ("Both", {0, 1, 3, 4}), (None, {0, 1, 3, 4})],
)
def test_a_query_goes_in_its_direction(
    lineage: Lineage, direction: str | None, places: set[int]
) -> None:
    arns = lineage.chain("artifact", "action", "artifact", "context", "context")
    asked = {"Direction": direction} if direction else {}
    assert lineage.found(arns[2], **asked) == {arns[place] for place in places}


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_query_goes_as_deep_as_it_is_told(lineage: Lineage, depth: int) -> None:
    arns = lineage.chain("artifact", "action", "artifact", "context")
    found = lineage.found(arns[0], Direction="Descendants", MaxDepth=depth)
    assert found == set(arns[1 : depth + 1])


def test_a_query_ends_where_associations_go_in_a_circle(lineage: Lineage) -> None:
    arns = lineage.chain("artifact", "action", "context")
    lineage.lead(arns[2], arns[0])
    assert lineage.found(arns[0]) == set(arns[1:])


@pytest.mark.parametrize(
    ("filters", "places"),
    [
        ({"LineageTypes": ["Artifact"]}, {2}),
        ({"LineageTypes": ["Action", "Context"]}, {1, 3}),
        ({"Types": ["DataSet"]}, {1, 2, 3}),
        ({"Types": ["Model"]}, set()),
        ({"Properties": {"no": "such"}}, set()),
        ({"CreatedBefore": 946684800}, set()),
        ({"CreatedAfter": 946684800}, {1, 2, 3}),
    ],
)
def test_a_query_tells_what_its_filters_let_through(
    lineage: Lineage, filters: dict[str, Any], places: set[int]
) -> None:
    arns = lineage.chain("artifact", "action", "artifact", "context")
    found = lineage.found(arns[0], Filters=filters)
    assert found == {arns[place] for place in places}


def test_a_query_for_edges_tells_the_whole_path(lineage: Lineage) -> None:
    arns = lineage.chain("artifact", "action", "context")
    told = lineage.sagemaker.query_lineage(StartArns=arns[:1], IncludeEdges=True)
    assert {vertex["Arn"] for vertex in told["Vertices"]} == set(arns)
    edges = {(edge["SourceArn"], edge["DestinationArn"]) for edge in told["Edges"]}
    assert edges == {(arns[0], arns[1]), (arns[1], arns[2])}


def test_a_query_for_edges_tells_what_leads_to_the_wanted(lineage: Lineage) -> None:
    arns = lineage.chain("artifact", "action", "context")
    aside = lineage.arn()
    lineage.lead(arns[1], aside)
    told = lineage.sagemaker.query_lineage(
        StartArns=arns[:1], IncludeEdges=True, Filters={"LineageTypes": ["Context"]}
    )
    assert {vertex["Arn"] for vertex in told["Vertices"]} == set(arns)
    assert len(told["Edges"]) == 2


def test_a_query_from_nowhere_is_not_found(lineage: Lineage) -> None:
    absent = lineage.arn().rsplit("/", 1)[0] + "/" + "0" * 32
    query = lineage.sagemaker.query_lineage
    assert refusal(query, StartArns=[absent])[0] == "ResourceNotFound"
