"""Transform jobs: how input is split, filtered, answered, joined and put together again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.jobs import Jobs
from tests.conformance.target import Target, refusal

pytestmark = pytest.mark.costs
LINES = {"source": {"SplitType": "Line", "ContentType": "text/csv"}}
CSV = {**LINES, "target": {"AssembleWith": "Line", "Accept": "text/csv"}}
JSON = {
    "source": {"SplitType": "Line", "ContentType": "application/jsonlines"},
    "target": {"AssembleWith": "Line", "Accept": "application/jsonlines"},
}


@pytest.fixture(scope="module")
def jobs(aws: Target) -> Iterator[Jobs]:
    made = Jobs(aws)
    yield made
    made.close()


@pytest.fixture(scope="module")
def echo(jobs: Jobs) -> str:
    return jobs.model(ECHO="yes")


def out(jobs: Jobs, model: str, body: str, **more: Any) -> str:
    """What a transform job makes of one object."""
    uri = jobs.put(jobs.aws.name("rows"), rows=body)
    name = jobs.transform(model, uri, **more)
    told = jobs.transformed(name)
    assert told["TransformJobStatus"] == "Completed", told.get("FailureReason")
    return jobs.read(f"{name}/rows.out")


def test_every_object_has_an_answer_of_its_name(jobs: Jobs, echo: str) -> None:
    uri = jobs.put("several", a="1", b="2")
    name = jobs.transform(echo, uri)
    told = jobs.transformed(name)
    assert jobs.keys(f"{name}/") == [f"{name}/a.out", f"{name}/b.out"]
    assert told["CreationTime"] <= told["TransformStartTime"] <= told["TransformEndTime"]


def test_an_object_that_is_not_split_is_one_request(jobs: Jobs) -> None:
    answer = json.loads(out(jobs, jobs.model(VERSION="7"), "a\nb\n"))
    assert answer == {"version": "7", "body": "a\nb\n"}


@pytest.mark.parametrize(("strategy", "requests"), [("SingleRecord", 3), ("MultiRecord", 1)])
def test_lines_are_sent_one_by_one_or_together(jobs: Jobs, strategy: str, requests: int) -> None:
    more = {**LINES, "target": {"AssembleWith": "Line"}, "BatchStrategy": strategy}
    answers = out(jobs, jobs.model(), "a\nb\nc\n", **more).splitlines()
    assert len(answers) == requests
    assert "".join(json.loads(each)["body"] for each in answers) == "a\nb\nc\n"


@pytest.mark.parametrize(("assembled", "expected"), [("None", "a\nb"), ("Line", "a\nb\n")])
def test_answers_are_put_together(jobs: Jobs, echo: str, assembled: str, expected: str) -> None:
    more = {**LINES, "target": {"AssembleWith": assembled}, "BatchStrategy": "SingleRecord"}
    assert out(jobs, echo, "a\nb", **more) == expected


@pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
@pytest.mark.parametrize(
    ("processing", "expected"),
    [
        ({"InputFilter": "$[1:]"}, "2,3\n5,6\n"),
        ({"InputFilter": "$[0,2]"}, "1,3\n4,6\n"),
        ({"OutputFilter": "$[0]"}, "1\n4\n"),
        ({"OutputFilter": "$[-1]"}, "3\n6\n"),
        ({"InputFilter": "$[1:]", "JoinSource": "Input"}, "1,2,3,2,3\n4,5,6,5,6\n"),
        (
            {"InputFilter": "$[2]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
            "1,3\n4,6\n",
        ),
    ],
)
def test_columns_are_chosen_and_joined(
    jobs: Jobs, echo: str, strategy: str, processing: dict[str, str], expected: str
) -> None:
    more = {**CSV, "BatchStrategy": strategy, "DataProcessing": processing}
    assert out(jobs, echo, "1,2,3\n4,5,6\n", **more) == expected


@pytest.mark.parametrize(
    ("processing", "expected"),
    [
        ({"InputFilter": "$.x"}, [1]),
        ({"InputFilter": "$['x','id']"}, {"x": [1], "id": 7}),
        ({"OutputFilter": "$.x[0]"}, 1),
        (
            {"InputFilter": "$.x", "JoinSource": "Input"},
            {"id": 7, "x": [1], "SageMakerOutput": [1]},
        ),
        (
            {"JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"},
            {"id": 7, "SageMakerOutput": {"id": 7, "x": [1]}},
        ),
    ],
)
def test_members_are_chosen_and_joined(
    jobs: Jobs, echo: str, processing: dict[str, str], expected: Any
) -> None:
    body = '{"id": 7, "x": [1]}\n'
    assert json.loads(out(jobs, echo, body, **JSON, DataProcessing=processing)) == expected


@pytest.mark.parametrize(("status", "reason"), [("400", "Error"), ("500", "AlgorithmError")])
def test_a_model_that_refuses_fails_the_job(jobs: Jobs, status: str, reason: str) -> None:
    name = jobs.transform(jobs.model(STATUS=status), jobs.put("refused", a="1"))
    told = jobs.transformed(name)
    assert told["TransformJobStatus"] == "Failed"
    assert reason in told["FailureReason"]
    assert told["FailureReason"].endswith("See job logs for more information")


def test_a_job_that_is_stopped_stops(jobs: Jobs) -> None:
    name = jobs.transform(jobs.model(DELAY="5"), jobs.put("slow", a="1"))
    jobs.sagemaker.stop_transform_job(TransformJobName=name)
    assert jobs.transformed(name)["TransformJobStatus"] == "Stopped"
    assert refusal(jobs.sagemaker.stop_transform_job, TransformJobName=name)[0] == (
        "ValidationException"
    )


def test_a_name_is_taken(jobs: Jobs, echo: str) -> None:
    uri = jobs.put("taken", a="1")
    name = jobs.transform(echo, uri)
    request = jobs.transforming(echo, uri, TransformJobName=name)
    code, text = refusal(jobs.sagemaker.create_transform_job, **request)
    assert code == "ResourceInUse"
    assert text.startswith("Transform job names must be unique")
    jobs.transformed(name)


def test_a_model_that_is_not_there_is_refused(jobs: Jobs) -> None:
    request = jobs.transforming("no-such-model", "s3://b/k")
    code, text = refusal(jobs.sagemaker.create_transform_job, **request)
    assert code == "ValidationException"
    assert text.startswith("Could not find model")


@pytest.mark.parametrize(
    "more",
    [
        {"MaxConcurrentTransforms": 20, "MaxPayloadInMB": 6},
        {"BatchStrategy": "SingleRecord"},
        {"DataProcessing": {"InputFilter": "no-path"}},
    ],
)
def test_what_does_not_fit_together_is_refused(jobs: Jobs, echo: str, more: dict[str, Any]) -> None:
    request = jobs.transforming(echo, "s3://b/k", **more)
    assert refusal(jobs.sagemaker.create_transform_job, **request)[0] == "ValidationException"


@pytest.mark.embedded
@pytest.mark.parametrize(
    "more",
    [
        {"source": {"SplitType": "RecordIO"}},
        {"source": {"SplitType": "TFRecord"}},
        {"source": {"CompressionType": "Gzip"}},
        {"DataProcessing": {"InputFilter": "$..x"}},
    ],
)
def test_what_is_not_emulated_is_refused_by_name(
    jobs: Jobs, echo: str, more: dict[str, Any]
) -> None:
    request = jobs.transforming(echo, "s3://b/k", **more)
    code, text = refusal(jobs.sagemaker.create_transform_job, **request)
    assert code == "ValidationException"
    assert text.endswith("not emulated yet.")


def test_jobs_are_listed(jobs: Jobs, echo: str) -> None:
    name = jobs.transform(echo, jobs.put("listed", a="1"))
    jobs.transformed(name)
    (found,) = jobs.sagemaker.list_transform_jobs(NameContains=name)["TransformJobSummaries"]
    assert found["TransformJobStatus"] == "Completed"


def test_a_job_is_told_of_in_events(jobs: Jobs, echo: str) -> None:
    name = jobs.transform(echo, jobs.put("heard", a="1"), Tags=[{"Key": "k", "Value": "v"}])
    heard = jobs.events(
        lambda event: event["detail"].get("TransformJobName") == name,
        lambda event: event["detail"]["TransformJobStatus"] == "Completed",
    )
    assert heard[-1]["detail-type"] == "SageMaker Transform Job State Change"
    assert heard[-1]["detail"]["ModelName"] == echo
    assert heard[-1]["detail"]["Tags"] == {"k": "v"}
