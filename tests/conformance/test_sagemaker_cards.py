"""Model cards: versions, statuses, contents and events."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.jobs import Jobs
from tests.conformance.target import Target, refusal

CONTENT = json.dumps({"model_overview": {"model_id": "digits", "model_name": "Digits"}})
OTHER = json.dumps({"intended_uses": {"purpose_of_model": "to read digits"}})


class Cards:
    """Cards under names of their own, and an ear for events."""

    def __init__(self, aws: Target) -> None:
        self.aws = aws
        self.sagemaker = aws.client("sagemaker")
        self.jobs = Jobs(aws)

    def card(self, **more: Any) -> str:
        name = str(more.pop("ModelCardName", self.aws.name("card")))
        request = {"Content": CONTENT, "ModelCardStatus": "Draft", **more}
        self.sagemaker.create_model_card(ModelCardName=name, **request)
        return name

    def told(self, name: str, **more: Any) -> dict[str, Any]:
        told: dict[str, Any] = self.sagemaker.describe_model_card(ModelCardName=name, **more)
        return told

    def update(self, name: str, **changes: Any) -> dict[str, Any]:
        self.sagemaker.update_model_card(ModelCardName=name, **changes)
        return self.told(name)


@pytest.fixture(scope="module")
def cards(aws: Target) -> Iterator[Cards]:
    made = Cards(aws)
    yield made
    made.jobs.close()


def test_a_card_begins_as_its_first_version(cards: Cards) -> None:
    told = cards.told(cards.card())
    assert (told["ModelCardVersion"], told["ModelCardStatus"]) == (1, "Draft")
    assert told["Content"] == CONTENT


def test_a_card_is_found_by_its_arn(cards: Cards) -> None:
    name = cards.card()
    assert cards.told(cards.told(name)["ModelCardArn"])["ModelCardName"] == name


def test_another_content_is_another_version(cards: Cards) -> None:
    name = cards.card()
    told = cards.update(name, Content=OTHER)
    assert (told["ModelCardVersion"], told["Content"]) == (2, OTHER)
    assert cards.told(name, ModelCardVersion=1)["Content"] == CONTENT


@pytest.mark.parametrize("status", ["PendingReview", "Approved", "Archived", "Draft"])
def test_a_card_takes_every_status(cards: Cards, status: str) -> None:
    assert cards.update(cards.card(), ModelCardStatus=status)["ModelCardStatus"] == status


def test_content_and_status_do_not_change_in_one_call(cards: Cards) -> None:
    update = cards.sagemaker.update_model_card
    request = {"ModelCardName": cards.card(), "Content": OTHER, "ModelCardStatus": "Approved"}
    assert refusal(update, **request)[0] == "ValidationException"


def test_the_content_of_an_archived_card_stays(cards: Cards) -> None:
    name = cards.card(ModelCardStatus="Archived")
    code, _ = refusal(cards.sagemaker.update_model_card, ModelCardName=name, Content=OTHER)
    assert code == "ValidationException"
    assert cards.told(name)["Content"] == CONTENT


@pytest.mark.parametrize("content", ["text", "[]", '{"anything": {}}'])
def test_a_content_that_is_no_card_is_refused(cards: Cards, content: str) -> None:
    name = cards.aws.name("card")
    create = cards.sagemaker.create_model_card
    request = {"ModelCardName": name, "Content": content, "ModelCardStatus": "Draft"}
    assert refusal(create, **request)[0] == "ValidationException"
    describe = cards.sagemaker.describe_model_card
    assert refusal(describe, ModelCardName=name)[0] == "ResourceNotFound"


def test_a_card_that_is_there_is_not_made_again(cards: Cards) -> None:
    name = cards.card()
    create = cards.sagemaker.create_model_card
    request = {"ModelCardName": name, "Content": OTHER, "ModelCardStatus": "Draft"}
    assert refusal(create, **request)[0] == "ConflictException"
    assert cards.told(name)["Content"] == CONTENT


@pytest.mark.parametrize(
    "call",
    ["describe_model_card", "update_model_card", "delete_model_card", "list_model_card_versions"],
)
def test_a_card_that_is_not_there_is_not_found(cards: Cards, call: str) -> None:
    name = cards.aws.name("none")
    assert refusal(getattr(cards.sagemaker, call), ModelCardName=name)[0] == "ResourceNotFound"


def test_a_version_that_is_not_there_is_not_found(cards: Cards) -> None:
    code, _ = refusal(
        cards.sagemaker.describe_model_card, ModelCardName=cards.card(), ModelCardVersion=2
    )
    assert code == "ResourceNotFound"


def test_a_deleted_card_is_gone_with_its_versions(cards: Cards) -> None:
    name = cards.card()
    cards.update(name, Content=OTHER)
    cards.sagemaker.delete_model_card(ModelCardName=name)
    assert cards.told(cards.card(ModelCardName=name))["ModelCardVersion"] == 1
    code, _ = refusal(cards.sagemaker.describe_model_card, ModelCardName=name, ModelCardVersion=2)
    assert code == "ResourceNotFound"


def test_cards_are_listed_by_name_and_status(cards: Cards) -> None:
    prefix = cards.aws.name("listed")
    for ending, status in (("a", "Draft"), ("b", "Approved"), ("c", "Draft")):
        cards.card(ModelCardName=f"{prefix}-{ending}", ModelCardStatus=status)
    listed = cards.sagemaker.list_model_cards(
        NameContains=prefix, ModelCardStatus="Draft", SortBy="Name", SortOrder="Descending"
    )
    found = [each["ModelCardName"] for each in listed["ModelCardSummaries"]]
    assert found == [f"{prefix}-c", f"{prefix}-a"]


@pytest.mark.parametrize(
    ("order", "numbers"), [("Ascending", [1, 2, 3]), ("Descending", [3, 2, 1])]
)
def test_versions_are_listed_by_number(cards: Cards, order: str, numbers: list[int]) -> None:
    name = cards.card()
    for content in (OTHER, CONTENT):
        cards.update(name, Content=content)
    listed = cards.sagemaker.list_model_card_versions(
        ModelCardName=name, SortBy="Version", SortOrder=order
    )
    found = [each["ModelCardVersion"] for each in listed["ModelCardVersionSummaryList"]]
    assert found == numbers


def test_a_card_has_tags(cards: Cards) -> None:
    tags = [{"Key": "k", "Value": "v"}]
    arn = cards.told(cards.card(Tags=tags))["ModelCardArn"]
    assert cards.sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags


def test_every_change_of_a_card_is_told_in_an_event(cards: Cards) -> None:
    name = cards.card()
    arn = cards.update(name, ModelCardStatus="Approved")["ModelCardArn"]
    heard = cards.jobs.events(
        lambda e: e["resources"] == [arn], lambda e: e["detail"]["ModelCardStatus"] == "Approved"
    )

    assert {event["detail-type"] for event in heard} == {"SageMaker Model Card State Change"}
    assert [event["detail"]["ModelCardStatus"] for event in heard] == ["Draft", "Approved"]
    assert set(heard[-1]["detail"]) == {
        "ModelCardVersion",
        "LastModifiedTime",
        "LastModifiedBy",
        "CreationTime",
        "CreatedBy",
        "ModelCardName",
        "ModelId",
        "ModelCardStatus",
        "AccountId",
        "SecurityConfig",
    }
    assert heard[-1]["detail"]["ModelId"] == "digits"
    assert heard[-1]["detail"]["AccountId"] == cards.aws.account
