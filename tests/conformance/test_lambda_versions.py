"""Lambda: versions, aliases and layers."""

from collections.abc import Iterator

import pytest

from tests.conformance.functions import created, invoke, package
from tests.conformance.target import Target, refusal


@pytest.fixture
def function(aws: Target) -> Iterator[str]:
    with created(aws) as name:
        yield name


def changed(aws: Target, function: str, mark: str) -> str:
    """A new version with something new in it."""
    functions = aws.client("lambda")
    functions.update_function_configuration(FunctionName=function, Description=mark)
    functions.get_waiter("function_updated_v2").wait(FunctionName=function)
    return str(functions.publish_version(FunctionName=function)["Version"])


def test_versions_are_numbered_from_one(aws: Target, function: str) -> None:
    assert [changed(aws, function, "a"), changed(aws, function, "b")] == ["1", "2"]


def test_nothing_new_makes_no_new_version(aws: Target, function: str) -> None:
    functions = aws.client("lambda")

    first = functions.publish_version(FunctionName=function)
    second = functions.publish_version(FunctionName=function)

    assert first["Version"] == second["Version"] == "1"


def test_a_number_is_never_used_again(aws: Target, function: str) -> None:
    functions = aws.client("lambda")
    for mark in "abc":
        changed(aws, function, mark)

    functions.delete_function(FunctionName=function, Qualifier="1")
    functions.delete_function(FunctionName=function, Qualifier="3")

    assert changed(aws, function, "d") == "4"
    listed = functions.list_versions_by_function(FunctionName=function)["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST", "2", "4"]


def test_a_versions_arn_ends_with_its_number(aws: Target, function: str) -> None:
    version = changed(aws, function, "a")

    told = aws.client("lambda").get_function_configuration(FunctionName=function, Qualifier=version)

    assert told["FunctionArn"].endswith(f":function:{function}:{version}")


def test_a_version_may_be_published_for_one_digest_only(aws: Target, function: str) -> None:
    publish = aws.client("lambda").publish_version

    code, text = refusal(publish, FunctionName=function, CodeSha256="other")

    assert code == "InvalidParameterValueException"
    assert text.startswith("CodeSHA256 (other) is different from current CodeSHA256 in $LATEST")


def test_the_latest_version_is_not_deleted_alone(aws: Target, function: str) -> None:
    delete = aws.client("lambda").delete_function

    code, text = refusal(delete, FunctionName=function, Qualifier="$LATEST")

    assert code == "InvalidParameterValueException"
    assert text == "$LATEST version cannot be deleted without deleting the function."


def test_a_version_that_an_alias_needs_is_not_deleted(aws: Target, function: str) -> None:
    functions = aws.client("lambda")
    version = changed(aws, function, "a")
    functions.create_alias(FunctionName=function, Name="live", FunctionVersion=version)

    code, text = refusal(functions.delete_function, FunctionName=function, Qualifier=version)

    assert code == "ResourceConflictException"
    assert "live" in text


def test_name_and_qualifier_must_agree(aws: Target, function: str) -> None:
    get = aws.client("lambda").get_function

    code, text = refusal(get, FunctionName=f"{function}:1", Qualifier="2")

    assert code == "InvalidParameterValueException"
    assert text.startswith("The derived qualifier from the function name does not match")


def test_an_alias_needs_a_version_that_is_there(aws: Target, function: str) -> None:
    create = aws.client("lambda").create_alias

    code, text = refusal(create, FunctionName=function, Name="live", FunctionVersion="9")

    assert code == "ResourceNotFoundException"
    assert text.startswith("Function not found: ")
    assert text.endswith(f":function:{function}:9")


def test_an_alias_exists_once(aws: Target, function: str) -> None:
    functions = aws.client("lambda")
    given = {"FunctionName": function, "Name": "live", "FunctionVersion": "$LATEST"}
    functions.create_alias(**given)

    code, text = refusal(functions.create_alias, **given)

    assert code == "ResourceConflictException"
    assert text.startswith("Alias already exists: arn:aws:lambda:")


@pytest.mark.parametrize("call", ["get_alias", "update_alias"])
def test_an_alias_that_is_not_there_is_refused(aws: Target, function: str, call: str) -> None:
    code, text = refusal(getattr(aws.client("lambda"), call), FunctionName=function, Name="none")

    assert code == "ResourceNotFoundException"
    assert text.startswith("Cannot find alias arn: arn:aws:lambda:")


def test_an_alias_is_no_number(aws: Target, function: str) -> None:
    create = aws.client("lambda").create_alias

    code, _ = refusal(create, FunctionName=function, Name="12", FunctionVersion="$LATEST")

    assert code == "ValidationException"


def test_weights_are_for_published_versions(aws: Target, function: str) -> None:
    version = changed(aws, function, "a")

    code, text = refusal(
        aws.client("lambda").create_alias,
        FunctionName=function,
        Name="live",
        FunctionVersion="$LATEST",
        RoutingConfig={"AdditionalVersionWeights": {version: 0.1}},
    )

    assert code == "InvalidParameterValueException"
    assert text == "$LATEST is not supported for an alias pointing to more than 1 version"


def test_aliases_are_listed_by_version(aws: Target, function: str) -> None:
    functions = aws.client("lambda")
    version = changed(aws, function, "a")
    functions.create_alias(FunctionName=function, Name="one", FunctionVersion=version)
    functions.create_alias(FunctionName=function, Name="new", FunctionVersion="$LATEST")

    found = functions.list_aliases(FunctionName=function, FunctionVersion=version)["Aliases"]

    assert [each["Name"] for each in found] == ["one"]


def test_an_alias_leads_to_its_version_and_names_itself(aws: Target, function: str) -> None:
    version = changed(aws, function, "a")
    aws.client("lambda").create_alias(FunctionName=function, Name="live", FunctionVersion=version)

    said, answer = invoke(aws, function, {}, Qualifier="live")

    assert said["version"] == answer["ExecutedVersion"] == version
    assert said["arn"].endswith(f":function:{function}:live")


def test_an_alias_with_all_weight_on_another_version_leads_there(
    aws: Target, function: str
) -> None:
    first, second = changed(aws, function, "a"), changed(aws, function, "b")
    aws.client("lambda").create_alias(
        FunctionName=function,
        Name="live",
        FunctionVersion=first,
        RoutingConfig={"AdditionalVersionWeights": {second: 1.0}},
    )

    _, answer = invoke(aws, f"{function}:live", {})

    assert answer["ExecutedVersion"] == second


def layer(aws: Target, word: str, name: str) -> str:
    answer = aws.client("lambda").publish_layer_version(
        LayerName=name,
        Content={"ZipFile": package(f"WORD = {word!r}\n", "python/shared.py")},
        CompatibleRuntimes=["python3.12"],
        Description=word,
    )
    return str(answer["LayerVersionArn"])


def test_a_layers_versions_are_numbered_and_never_again(aws: Target) -> None:
    functions, name = aws.client("lambda"), aws.name("layer")
    layer(aws, "a", name)
    second = layer(aws, "b", name)
    functions.delete_layer_version(LayerName=name, VersionNumber=2)
    third = layer(aws, "c", name)

    listed = functions.list_layer_versions(LayerName=name)["LayerVersions"]

    assert (second.rpartition(":")[2], third.rpartition(":")[2]) == ("2", "3")
    assert [each["Version"] for each in listed] == [3, 1]


def test_a_layer_version_is_told_by_number_and_by_arn(aws: Target) -> None:
    functions, name = aws.client("lambda"), aws.name("layer")
    arn = layer(aws, "word", name)

    by_number = functions.get_layer_version(LayerName=name, VersionNumber=1)
    by_arn = functions.get_layer_version_by_arn(Arn=arn)

    assert by_number["LayerVersionArn"] == by_arn["LayerVersionArn"] == arn
    assert by_number["Description"] == "word"
    assert by_number["CompatibleRuntimes"] == ["python3.12"]
    assert by_number["LayerArn"] == arn.rpartition(":")[0]


def test_a_layer_version_that_is_not_there_is_refused(aws: Target) -> None:
    get = aws.client("lambda").get_layer_version

    answer = refusal(get, LayerName=aws.name("layer"), VersionNumber=1)

    assert answer == ("ResourceNotFoundException", "The resource you requested does not exist.")


def test_layers_are_listed_with_their_newest_version(aws: Target) -> None:
    name = aws.name("layer")
    layer(aws, "a", name)
    newest = layer(aws, "b", name)

    pages = (
        aws.client("lambda").get_paginator("list_layers").paginate(CompatibleRuntime="python3.12")
    )

    found = {each["LayerName"]: each for page in pages for each in page["Layers"]}
    assert found[name]["LatestMatchingVersion"]["LayerVersionArn"] == newest


def test_a_function_imports_what_its_layer_brings(aws: Target, function: str) -> None:
    arn = layer(aws, "from a layer", aws.name("layer"))
    functions = aws.client("lambda")

    told = functions.update_function_configuration(FunctionName=function, Layers=[arn])
    functions.get_waiter("function_updated_v2").wait(FunctionName=function)
    said, _ = invoke(aws, function, {})

    assert [each["Arn"] for each in told["Layers"]] == [arn]
    assert said["word"] == "from a layer"


def test_of_two_layers_the_later_one_wins(aws: Target) -> None:
    first, second = layer(aws, "first", aws.name("la")), layer(aws, "second", aws.name("lb"))

    with created(aws, Layers=[first, second]) as name:
        said, _ = invoke(aws, name, {})

    assert said["word"] == "second"


def test_a_function_keeps_a_layer_that_is_deleted(aws: Target) -> None:
    layer_name = aws.name("layer")
    arn = layer(aws, "kept", layer_name)
    with created(aws, Layers=[arn]) as name:
        aws.client("lambda").delete_layer_version(LayerName=layer_name, VersionNumber=1)
        said, _ = invoke(aws, name, {})

    assert said["word"] == "kept"


def test_a_layer_that_is_not_there_is_refused(aws: Target, function: str) -> None:
    arn = f"arn:aws:lambda:{aws.region}:{aws.account}:layer:{aws.name()}:1"
    update = aws.client("lambda").update_function_configuration

    code, text = refusal(update, FunctionName=function, Layers=[arn])

    assert code == "InvalidParameterValueException"
    assert text == f"Layer version {arn} does not exist."


def test_a_function_has_five_layers_at_most(aws: Target, function: str) -> None:
    arn = layer(aws, "x", aws.name("layer"))
    update = aws.client("lambda").update_function_configuration

    code, text = refusal(update, FunctionName=function, Layers=[arn] * 6)

    assert code == "InvalidParameterValueException"
    assert text == "Cannot reference more than 5 layers."
