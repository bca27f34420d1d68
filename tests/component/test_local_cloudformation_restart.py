"""Stacks outlast the process, and what was interrupted is taken up."""

import json
from collections.abc import Mapping
from threading import Event, Thread
from typing import Any

from local.clock import Clock
from local.cloud import Account
from local.cloudformation import CloudFormation
from local.errors import AwsError
from local.store import Store
from tests.fakes.embedded_aws import eventually

GROUP = "AWS::Logs::LogGroup"


class Groups:
    """Log groups that outlast every process; the first creation may never be answered."""

    def __init__(self, *names: str, stuck: bool = False, stuck_before: bool = False) -> None:
        self.names = set(names)
        self.asked, self.made = Event(), Event()
        self.stuck, self.stuck_before = stuck, stuck_before

    def handle(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        name = str(request.get("logGroupName"))
        if action == "DescribeLogGroups":
            return {"logGroups": [{"logGroupName": each} for each in sorted(self.names)]}
        if action == "CreateLogGroup":
            self.asked.set()
            if self.stuck_before:
                self.stuck_before = False
                Event().wait()
            if name in self.names:
                raise AwsError("ResourceAlreadyExistsException", "it is there")
            self.names.add(name)
            self.made.set()
            if self.stuck:
                self.stuck = False
                Event().wait()
        if action == "DeleteLogGroup":
            self.names.discard(name)
        return {}


def process(store: Store, groups: Groups) -> CloudFormation:
    account = Account("http://127.0.0.1:9", store=store)
    return CloudFormation(account, Clock(), {"logs": groups.handle})


def template(*names: str, output: str = "one") -> str:
    resources = {name: {"Type": GROUP} for name in names}
    outputs = {"Told": {"Value": output, "Export": {"Name": "told"}}}
    return json.dumps({"Resources": resources, "Outputs": outputs})


def described(formation: CloudFormation) -> Mapping[str, Any]:
    found: Mapping[str, Any] = formation.handle("DescribeStacks", {"StackName": "s"})["Stacks"][0]
    return found


def told(formation: CloudFormation) -> str:
    stacks = formation.handle("DescribeStacks", {})["Stacks"]
    return str(stacks[0]["StackStatus"]) if stacks else ""


def test_a_restart_changes_nothing_that_can_be_asked() -> None:
    store, groups = Store(), Groups()
    before = process(store, groups)
    before.handle("CreateStack", {"StackName": "s", "TemplateBody": template("A", "B")})
    change = {"StackName": "s", "ChangeSetName": "c", "TemplateBody": template("A")}
    before.handle("CreateChangeSet", change)

    after = process(store, groups)

    asked = {"StackName": "s", "ChangeSetName": "c"}
    for action in (
        *("DescribeStacks", "DescribeStackEvents", "ListStackResources", "ListExports"),
        *("GetTemplate", "DescribeChangeSet", "ListChangeSets"),
    ):
        assert after.handle(action, asked) == before.handle(action, asked), action
    after.handle("ExecuteChangeSet", asked)
    assert len(groups.names) == 1


def test_a_creation_that_was_interrupted_is_finished_with_what_had_been_made() -> None:
    store, groups = Store(), Groups(stuck=True)
    request = {"StackName": "s", "TemplateBody": template("A", "B")}
    Thread(target=process(store, groups).handle, args=("CreateStack", request), daemon=True).start()
    assert groups.made.wait(10)

    after = process(store, groups)
    assert described(after)["StackStatus"] == "CREATE_IN_PROGRESS"
    after.start()

    eventually(lambda: described(after)["StackStatus"] == "CREATE_COMPLETE")
    assert len(groups.names) == 2
    after.handle("DeleteStack", {"StackName": "s"})
    assert groups.names == set()


def test_what_has_a_name_of_its_own_is_finished_too() -> None:
    store, groups = Store(), Groups(stuck=True)
    resources = {"A": {"Type": GROUP, "Properties": {"LogGroupName": "mine"}}}
    request = {"StackName": "s", "TemplateBody": json.dumps({"Resources": resources})}
    Thread(target=process(store, groups).handle, args=("CreateStack", request), daemon=True).start()
    assert groups.made.wait(10)

    after = process(store, groups)
    after.start()

    eventually(lambda: described(after)["StackStatus"] == "CREATE_COMPLETE")
    assert groups.names == {"mine"}


def test_what_was_there_before_the_creation_is_not_taken_over() -> None:
    store, groups = Store(), Groups("mine")
    resources = {"A": {"Type": GROUP, "Properties": {"LogGroupName": "mine"}}}
    request = {"StackName": "s", "TemplateBody": json.dumps({"Resources": resources})}
    formation = process(store, groups)
    formation.handle("CreateStack", request)

    assert described(formation)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert groups.names == {"mine"}


def test_nor_is_it_when_the_creation_was_interrupted() -> None:
    store, groups = Store(), Groups("mine", stuck_before=True)
    resources = {"A": {"Type": GROUP, "Properties": {"LogGroupName": "mine"}}}
    request = {"StackName": "s", "TemplateBody": json.dumps({"Resources": resources})}
    before = process(store, groups)
    Thread(target=before.handle, args=("CreateStack", request), daemon=True).start()
    eventually(lambda: groups.asked.is_set() or told(before) == "ROLLBACK_COMPLETE")

    after = process(store, groups)
    after.start()

    eventually(lambda: not told(after).endswith("IN_PROGRESS"))
    assert told(after) == "ROLLBACK_COMPLETE"
    assert not groups.asked.is_set()


def test_an_update_that_was_interrupted_is_finished_and_cleans_up() -> None:
    store, groups = Store(), Groups()
    before = process(store, groups)
    before.handle("CreateStack", {"StackName": "s", "TemplateBody": template("A", "B")})
    groups.stuck = True
    groups.made.clear()
    request = {"StackName": "s", "TemplateBody": template("B", "C", output="two")}
    Thread(target=before.handle, args=("UpdateStack", request), daemon=True).start()
    assert groups.made.wait(10)

    after = process(store, groups)
    after.start()

    eventually(lambda: described(after)["StackStatus"] == "UPDATE_COMPLETE")
    assert described(after)["Outputs"][0]["OutputValue"] == "two"
    assert len(groups.names) == 2
