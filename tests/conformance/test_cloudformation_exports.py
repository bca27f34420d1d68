"""Exports and imports between stacks."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.conformance.target import Target, refusal

HANDLE = {"Type": "AWS::CloudFormation::WaitConditionHandle"}


class Stacks:
    """Stacks of this test, deleted in reverse at its end."""

    def __init__(self, aws: Target) -> None:
        self.aws, self.formation = aws, aws.client("cloudformation")
        self.names: list[str] = []

    def create(self, **sections: Any) -> str:
        name = self.aws.name()
        self.formation.create_stack(StackName=name, TemplateBody=body(**sections))
        self.wait("stack_create_complete", name)
        self.names.append(name)
        return name

    def update(self, name: str, waiter: str = "stack_update_complete", **sections: Any) -> None:
        self.formation.update_stack(StackName=name, TemplateBody=body(**sections))
        self.wait(waiter, name)

    def exporting(self, export: str, value: str = "one") -> str:
        return self.create(**exporting(export, value))

    def importing(self, export: str) -> str:
        return self.create(**importing(export))

    def reasons(self, name: str) -> list[str]:
        events = self.formation.describe_stack_events(StackName=name)["StackEvents"]
        return [each.get("ResourceStatusReason", "") for each in events]

    def export(self, name: str) -> str | None:
        pages = self.formation.get_paginator("list_exports").paginate()
        found = [e["Value"] for page in pages for e in page["Exports"] if e["Name"] == name]
        return found[0] if found else None

    def wait(self, waiter: str, name: str) -> None:
        waits = self.formation.get_waiter(waiter)
        waits.wait(StackName=name, WaiterConfig={"Delay": 1})

    def close(self) -> None:
        for name in reversed(self.names):
            self.formation.delete_stack(StackName=name)
            self.wait("stack_delete_complete", name)


def body(**sections: Any) -> str:
    return json.dumps({"Resources": {"Handle": HANDLE}, **sections})


def exporting(export: str, value: str = "one") -> dict[str, Any]:
    return {"Outputs": {"Told": {"Value": value, "Export": {"Name": export}}}}


def importing(export: str) -> dict[str, Any]:
    return {"Outputs": {"Seen": {"Value": {"Fn::ImportValue": export}}}}


@pytest.fixture
def stacks(aws: Target) -> Iterator[Stacks]:
    made = Stacks(aws)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("after", "what"), [({"value": "two"}, "updated"), (None, "deleted")], ids=["change", "loss"]
)
def test_an_export_in_use_neither_changes_nor_goes_in_an_update(
    stacks: Stacks, after: dict[str, str] | None, what: str
) -> None:
    export = stacks.aws.name()
    exporter, importer = stacks.exporting(export), stacks.importing(export)
    sections = {"Outputs": {}} if after is None else exporting(export, **after)

    stacks.update(exporter, "stack_rollback_complete", Description="changed", **sections)

    told = f"Export {export} cannot be {what} as it is in use by {importer}"
    assert told in stacks.reasons(exporter)
    assert stacks.export(export) == "one"


def test_it_may_be_once_nobody_imports_it(stacks: Stacks) -> None:
    export = stacks.aws.name()
    exporter, importer = stacks.exporting(export), stacks.importing(export)
    stacks.update(importer, Outputs={"Seen": {"Value": "nothing"}})

    stacks.update(exporter, **exporting(export, "two"))

    assert stacks.export(export) == "two"
    code, text = refusal(stacks.formation.list_imports, ExportName=export)
    assert (code, text) == ("ValidationError", f"Export '{export}' is not imported by any stack.")


def test_an_importer_whose_update_fails_still_imports(stacks: Stacks) -> None:
    export = stacks.aws.name()
    exporter, importer = stacks.exporting(export), stacks.importing(export)
    absent = {"Outputs": {"Seen": {"Value": {"Fn::ImportValue": f"{export}-absent"}}}}

    stacks.update(importer, "stack_rollback_complete", **absent)

    assert stacks.formation.list_imports(ExportName=export)["Imports"] == [importer]
    code, text = refusal(stacks.formation.delete_stack, StackName=exporter)
    assert code == "ValidationError"
    assert text == f"Export {export} cannot be deleted as it is in use by {importer}"


def test_an_export_that_nobody_uses_changes(stacks: Stacks) -> None:
    export = stacks.aws.name()
    exporter = stacks.exporting(export)

    stacks.update(exporter, **exporting(export, "two"))

    assert stacks.export(export) == "two"


def test_a_name_is_exported_once(stacks: Stacks) -> None:
    export = stacks.aws.name()
    exporter, other = stacks.exporting(export), stacks.create()

    stacks.update(other, "stack_rollback_complete", **exporting(export, "two"))

    told = f"Export with name {export} is already exported by stack {exporter}"
    assert told in stacks.reasons(other)
    assert stacks.export(export) == "one"


def test_what_is_not_exported_cannot_be_imported(stacks: Stacks) -> None:
    export, name = stacks.aws.name(), stacks.aws.name()

    stacks.formation.create_stack(StackName=name, TemplateBody=body(**importing(export)))
    stacks.names.append(name)
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        stacks.wait("stack_create_complete", name)

    assert any(f"No export named {export} found" in each for each in stacks.reasons(name))
