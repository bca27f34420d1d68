"""Lambda: functions made, changed, told and refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.functions import created, package, settings
from tests.conformance.target import Target, refusal


@pytest.fixture(scope="module")
def function(aws: Target) -> Iterator[str]:
    with created(aws) as name:
        yield name


def test_a_function_starts_with_the_documented_defaults(aws: Target) -> None:
    with created(aws, Timeout=None) as name:
        told = aws.client("lambda").get_function_configuration(FunctionName=name)

    assert (told["Timeout"], told["MemorySize"], told["PackageType"]) == (3, 128, "Zip")
    assert told["EphemeralStorage"] == {"Size": 512}
    assert told["TracingConfig"] == {"Mode": "PassThrough"}
    assert told["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    assert (told["Version"], told["Architectures"]) == ("$LATEST", ["x86_64"])


def test_a_function_becomes_active_and_its_last_update_successful(
    aws: Target, function: str
) -> None:
    told = aws.client("lambda").get_function_configuration(FunctionName=function)

    assert (told["State"], told["LastUpdateStatus"]) == ("Active", "Successful")


def test_a_functions_arn_names_account_region_and_function(aws: Target, function: str) -> None:
    told = aws.client("lambda").get_function_configuration(FunctionName=function)

    assert told["FunctionArn"] == f"arn:aws:lambda:{aws.region}:{aws.account}:function:{function}"


@pytest.mark.parametrize("form", ["{name}", "{account}:function:{name}", "{arn}"])
def test_a_function_is_named_in_several_ways(aws: Target, function: str, form: str) -> None:
    arn = f"arn:aws:lambda:{aws.region}:{aws.account}:function:{function}"
    named = form.format(name=function, account=aws.account, arn=arn)

    told = aws.client("lambda").get_function_configuration(FunctionName=named)

    assert told["FunctionName"] == function


def test_a_functions_name_is_taken_once(aws: Target, function: str) -> None:
    create = aws.client("lambda").create_function

    code, text = refusal(create, **settings(aws, FunctionName=function))

    assert code == "ResourceConflictException"
    assert text == f"Function already exist: {function}"


@pytest.mark.parametrize(
    "call",
    ["get_function", "get_function_configuration", "delete_function", "publish_version", "invoke"],
)
def test_a_function_that_is_not_there_is_refused_with_its_arn(aws: Target, call: str) -> None:
    name = aws.name("none")

    code, text = refusal(getattr(aws.client("lambda"), call), FunctionName=name)

    assert code == "ResourceNotFoundException"
    arn = f"arn:aws:lambda:{aws.region}:{aws.account}:function:{name}"
    assert text == f"Function not found: {arn}"


@pytest.mark.parametrize(
    ("changed", "code", "text"),
    [
        ({"Timeout": 901}, "ValidationException", "at 'timeout' failed to satisfy constraint"),
        ({"Timeout": 0}, "ValidationException", "greater than or equal to 1"),
        ({"MemorySize": 127}, "ValidationException", "greater than or equal to 128"),
        ({"MemorySize": 32_769}, "ValidationException", "at 'memorySize'"),
        ({"FunctionName": "no spaces here"}, "ValidationException", "at 'functionName'"),
        ({"Role": "no-arn"}, "ValidationException", "regular expression pattern"),
        ({"EphemeralStorage": {"Size": 511}}, "ValidationException", "ephemeralStorage.size"),
        ({"Handler": None}, "InvalidParameterValueException", "Runtime and Handler are mandatory"),
        ({"Runtime": None}, "InvalidParameterValueException", "Runtime and Handler are mandatory"),
        ({"Code": {}}, "InvalidParameterValueException", "Please provide a source"),
        (
            {"Code": {"ZipFile": b"no zip"}},
            "InvalidParameterValueException",
            "Could not unzip uploaded file. Please check your file, then try again.",
        ),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            "InvalidParameterValueException",
            "Reserved keys used in this request: AWS_REGION",
        ),
        (
            {"Environment": {"Variables": {"AA": "x" * 4100}}},
            "InvalidParameterValueException",
            "exceeded the 4KB limit",
        ),
    ],
)
def test_a_function_that_breaks_a_rule_is_refused(
    aws: Target, changed: dict[str, Any], code: str, text: str
) -> None:
    client = aws.client("lambda", parameter_validation=False)

    found, said = refusal(client.create_function, **settings(aws, **changed))

    assert found == code
    assert text in said


def test_code_that_is_not_in_s3_is_refused_with_what_s3_says(aws: Target) -> None:
    bucket = aws.name()
    aws.client("s3").create_bucket(Bucket=bucket)
    create = aws.client("lambda").create_function

    where = {"S3Bucket": bucket, "S3Key": "none.zip"}
    code, text = refusal(create, **settings(aws, Code=where))

    assert code == "InvalidParameterValueException"
    assert "Error occurred while GetObject. S3 Error Code: NoSuchKey." in text


def test_a_change_with_an_old_revision_is_refused(aws: Target, function: str) -> None:
    functions = aws.client("lambda")
    old = functions.get_function_configuration(FunctionName=function)["RevisionId"]
    functions.update_function_configuration(FunctionName=function, Description="newer")
    functions.get_waiter("function_updated_v2").wait(FunctionName=function)

    code, text = refusal(
        functions.update_function_configuration,
        FunctionName=function,
        Description="mine",
        RevisionId=old,
    )

    assert code == "PreconditionFailedException"
    assert text.startswith("The Revision Id provided does not match the latest Revision Id.")


def test_what_is_not_changed_stays(aws: Target) -> None:
    with created(aws, MemorySize=256, Environment={"Variables": {"AA": "1"}}) as name:
        told = aws.client("lambda").update_function_configuration(FunctionName=name, Timeout=7)

    assert (told["Timeout"], told["MemorySize"]) == (7, 256)
    assert told["Environment"] == {"Variables": {"AA": "1"}}


def test_a_dry_run_of_new_code_changes_nothing(aws: Target, function: str) -> None:
    functions = aws.client("lambda")
    before = functions.get_function_configuration(FunctionName=function)["CodeSha256"]

    new = package("def handle(event, context): pass")
    dry = functions.update_function_code(FunctionName=function, ZipFile=new, DryRun=True)

    after = functions.get_function_configuration(FunctionName=function)["CodeSha256"]
    assert after == before != dry["CodeSha256"]


def test_tags_are_added_and_removed(aws: Target) -> None:
    functions = aws.client("lambda")
    with created(aws, Tags={"a": "1"}) as name:
        arn = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        functions.tag_resource(Resource=arn, Tags={"b": "2"})
        functions.untag_resource(Resource=arn, TagKeys=["a"])

        assert functions.list_tags(Resource=arn)["Tags"] == {"b": "2"}
        assert functions.get_function(FunctionName=name)["Tags"] == {"b": "2"}


def test_functions_are_listed_in_pages(aws: Target, function: str) -> None:
    pages = (
        aws.client("lambda")
        .get_paginator("list_functions")
        .paginate(PaginationConfig={"PageSize": 1})
    )

    assert function in [each["FunctionName"] for page in pages for each in page["Functions"]]


def test_the_account_has_a_thousand_executions_and_counts_its_functions(
    aws: Target, function: str
) -> None:
    told = aws.client("lambda").get_account_settings()

    assert told["AccountLimit"]["CodeSizeUnzipped"] == 262_144_000
    assert told["AccountLimit"]["ConcurrentExecutions"] >= 10
    assert told["AccountUsage"]["FunctionCount"] >= 1


def test_reserved_concurrency_is_told_and_given_back(aws: Target, function: str) -> None:
    functions = aws.client("lambda")
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    reserved = functions.get_function_concurrency(FunctionName=function)
    whole = functions.get_function(FunctionName=function)
    functions.delete_function_concurrency(FunctionName=function)
    free = functions.get_function_concurrency(FunctionName=function)

    assert reserved["ReservedConcurrentExecutions"] == 0
    assert whole["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    assert "ReservedConcurrentExecutions" not in free


def test_a_hundred_executions_stay_unreserved(aws: Target, function: str) -> None:
    functions = aws.client("lambda")
    most = functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]

    code, text = refusal(
        functions.put_function_concurrency,
        FunctionName=function,
        ReservedConcurrentExecutions=most,
    )

    assert code == "InvalidParameterValueException"
    assert "UnreservedConcurrentExecution below its minimum value of [" in text


def test_a_permission_has_an_id_of_its_own(aws: Target, function: str) -> None:
    functions = aws.client("lambda")
    given = {
        "FunctionName": function,
        "StatementId": "once",
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
    }
    functions.add_permission(**given)
    code, text = refusal(functions.add_permission, **given)
    functions.remove_permission(FunctionName=function, StatementId="once")

    assert code == "ResourceConflictException"
    assert text.startswith("The statement id (once) provided already exists.")


def test_a_permission_that_is_not_there_cannot_be_removed(aws: Target, function: str) -> None:
    remove = aws.client("lambda").remove_permission

    code, text = refusal(remove, FunctionName=function, StatementId="none")

    assert code == "ResourceNotFoundException"
    assert "none is not found in resource policy." in text


def test_a_function_without_permissions_has_no_policy(aws: Target, function: str) -> None:
    answer = refusal(aws.client("lambda").get_policy, FunctionName=function)

    assert answer == (
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )


def test_async_settings_are_told_updated_and_taken_away(aws: Target, function: str) -> None:
    functions = aws.client("lambda")
    functions.put_function_event_invoke_config(
        FunctionName=function, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=100
    )
    updated = functions.update_function_event_invoke_config(
        FunctionName=function, MaximumRetryAttempts=0
    )
    functions.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=2)
    put = functions.get_function_event_invoke_config(FunctionName=function)
    functions.delete_function_event_invoke_config(FunctionName=function)
    code, text = refusal(functions.get_function_event_invoke_config, FunctionName=function)

    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (0, 100)
    assert updated["FunctionArn"].endswith(f"{function}:$LATEST")
    assert "MaximumEventAgeInSeconds" not in put
    assert code == "ResourceNotFoundException"
    assert text.endswith("doesn't have an EventInvokeConfig")


@pytest.mark.parametrize(
    ("member", "value"), [("MaximumRetryAttempts", 3), ("MaximumEventAgeInSeconds", 59)]
)
def test_async_settings_have_limits(aws: Target, function: str, member: str, value: int) -> None:
    client = aws.client("lambda", parameter_validation=False)

    code, _ = refusal(
        client.put_function_event_invoke_config, FunctionName=function, **{member: value}
    )

    assert code == "ValidationException"


@pytest.mark.embedded
def test_what_is_not_there_says_so_by_name(aws: Target, function: str) -> None:
    make = aws.client("lambda").create_function_url_config

    code, text = refusal(make, FunctionName=function, AuthType="NONE")

    assert code == "NotImplemented"
    assert "lambda:CreateFunctionUrlConfig" in text
