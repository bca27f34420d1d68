"""Tuning jobs: what they try, count, call the best and refuse, as SageMaker documents it."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.jobs import Jobs, until
from tests.conformance.target import Target, refusal

pytestmark = pytest.mark.costs
GOLDEN = Path(__file__).parents[1] / "golden" / "foreign"
CHOICES = {
    "CategoricalParameterRanges": [
        {"Name": "x", "Values": ["1", "2"]},
        {"Name": "y", "Values": ["a", "b"]},
    ]
}


@pytest.fixture(scope="module")
def jobs(aws: Target) -> Iterator[Jobs]:
    made = Jobs(aws)
    yield made
    made.close()


@pytest.fixture(scope="module")
def completed(jobs: Jobs) -> dict[str, Any]:
    return jobs.tuned(jobs.tune())


def at_once(most: int, parallel: int) -> dict[str, Any]:
    limits = {"MaxNumberOfTrainingJobs": most, "MaxParallelTrainingJobs": parallel}
    return {"ResourceLimits": limits}


def ranges(**more: str) -> dict[str, Any]:
    one = {"Name": "x", "MinValue": "1", "MaxValue": "2", **more}
    return {"ParameterRanges": {"ContinuousParameterRanges": [one]}}


def test_every_training_job_is_counted(completed: dict[str, Any]) -> None:
    assert completed["HyperParameterTuningJobStatus"] == "Completed"
    assert completed["TrainingJobStatusCounters"] == {
        "Completed": 3,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 0,
    }
    assert completed["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}


def test_the_best_job_has_the_least_value(jobs: Jobs, completed: dict[str, Any]) -> None:
    trials = jobs.trials(completed["HyperParameterTuningJobName"])
    metric = "FinalHyperParameterTuningJobObjectiveMetric"
    least = min(trials, key=lambda each: each[metric]["Value"])
    best = completed["BestTrainingJob"]
    assert best["TrainingJobName"] == least["TrainingJobName"]
    assert best[metric]["Value"] == pytest.approx(float(best["TunedHyperParameters"]["x"]) ** 2)


def test_training_jobs_are_listed_by_their_value(jobs: Jobs, completed: dict[str, Any]) -> None:
    name = completed["HyperParameterTuningJobName"]
    trials = jobs.trials(name, SortBy="FinalObjectiveMetricValue", SortOrder="Ascending")
    values = [each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for each in trials]
    assert values == sorted(values)


def test_a_training_job_knows_who_made_it(jobs: Jobs, completed: dict[str, Any]) -> None:
    best = completed["BestTrainingJob"]["TrainingJobName"]
    told = jobs.sagemaker.describe_training_job(TrainingJobName=best)
    assert told["TuningJobArn"] == completed["HyperParameterTuningJobArn"]
    assert best.startswith(f"{completed['HyperParameterTuningJobName']}-00")
    assert told["HyperParameters"]["OBJECTIVE"] == "x"


@pytest.mark.parametrize("strategy", ["Random", "Bayesian", "Hyperband"])
def test_values_stay_in_their_ranges(jobs: Jobs, strategy: str) -> None:
    found = {
        "IntegerParameterRanges": [{"Name": "n", "MinValue": "2", "MaxValue": "4"}],
        "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0.5", "MaxValue": "0.75"}],
        "CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b"]}],
    }
    config = {"Strategy": strategy, "ParameterRanges": found, **at_once(5, 2)}
    name = jobs.tune(config=config)
    assert jobs.tuned(name)["HyperParameterTuningJobStatus"] == "Completed"
    tried = [each["TunedHyperParameters"] for each in jobs.trials(name)]
    assert len(tried) == 5
    assert {each["n"] for each in tried} <= {"2", "3", "4"}
    assert all(0.5 <= float(each["x"]) <= 0.75 for each in tried)
    assert {each["c"] for each in tried} <= {"a", "b"}


@pytest.mark.parametrize("scaling", ["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"])
def test_every_scaling_keeps_the_range(jobs: Jobs, scaling: str) -> None:
    config = ranges(MinValue="0.1", MaxValue="0.9", ScalingType=scaling) | at_once(2, 2)
    name = jobs.tune(config=config)
    jobs.tuned(name)
    values = [float(each["TunedHyperParameters"]["x"]) for each in jobs.trials(name)]
    assert len(values) == 2
    assert all(0.1 <= value <= 0.9 for value in values)


def test_a_grid_is_tried_whole(jobs: Jobs) -> None:
    limits = {"ResourceLimits": {"MaxParallelTrainingJobs": 4}}
    name = jobs.tune(config={"Strategy": "Grid", "ParameterRanges": CHOICES, **limits})
    jobs.tuned(name)
    tried = {tuple(each["TunedHyperParameters"].values()) for each in jobs.trials(name)}
    assert tried == {("1", "a"), ("1", "b"), ("2", "a"), ("2", "b")}


def test_no_more_jobs_than_allowed_run_at_once(jobs: Jobs) -> None:
    name = jobs.tune(config=at_once(3, 1))
    jobs.tuned(name)
    trials = sorted(jobs.trials(name), key=lambda each: each["TrainingJobName"])
    for earlier, later in pairwise(trials):
        assert earlier["TrainingEndTime"] <= later["CreationTime"]


def test_a_target_ends_the_search(jobs: Jobs) -> None:
    criteria = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 5.0}}
    name = jobs.tune(config=at_once(10, 1) | criteria)
    assert jobs.tuned(name)["HyperParameterTuningJobStatus"] == "Completed"
    assert len(jobs.trials(name)) == 1


def test_a_search_without_success_fails(jobs: Jobs) -> None:
    static = {"StaticHyperParameters": {"EXIT": "1"}}
    told = jobs.tuned(jobs.tune(config=at_once(2, 2), definition=static))
    assert told["HyperParameterTuningJobStatus"] == "Failed"
    assert told["TrainingJobStatusCounters"]["NonRetryableError"] == 2
    assert told["FailureReason"].startswith("No training job succeeded after 2 attempts.")


def test_a_stopped_search_stops_its_training_jobs(jobs: Jobs) -> None:
    static = {"StaticHyperParameters": {"SECONDS": "30"}}
    name = jobs.tune(config=at_once(2, 2), definition=static)
    until(lambda: jobs.trials(name))
    jobs.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert jobs.tuned(name)["HyperParameterTuningJobStatus"] == "Stopped"
    assert {each["TrainingJobStatus"] for each in jobs.trials(name)} == {"Stopped"}


def test_an_ended_search_cannot_be_stopped(jobs: Jobs, completed: dict[str, Any]) -> None:
    name = completed["HyperParameterTuningJobName"]
    code, text = refusal(
        jobs.sagemaker.stop_hyper_parameter_tuning_job, HyperParameterTuningJobName=name
    )
    assert code == "ValidationException"
    assert text.endswith("status Completed.")


def test_a_name_is_taken(jobs: Jobs, completed: dict[str, Any]) -> None:
    request = jobs.tuning(HyperParameterTuningJobName=completed["HyperParameterTuningJobName"])
    code, text = refusal(jobs.sagemaker.create_hyper_parameter_tuning_job, **request)
    assert code == "ResourceInUse"
    assert "must be unique within an AWS account and region" in text


@pytest.mark.parametrize(
    "config",
    [
        {"Strategy": "Grid"},
        {"Strategy": "Grid", "ParameterRanges": CHOICES, **at_once(3, 1)},
        {"ResourceLimits": {"MaxParallelTrainingJobs": 1}},
        {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "unknown"}},
        {"ParameterRanges": {}},
        ranges(MinValue="3"),
        ranges(MinValue="text"),
        ranges(MinValue="0", ScalingType="Logarithmic"),
        ranges(ScalingType="ReverseLogarithmic"),
        ranges(Name="OBJECTIVE"),
        {"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"},
        {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}},
    ],
)
def test_what_does_not_fit_together_is_refused(jobs: Jobs, config: dict[str, Any]) -> None:
    request = jobs.tuning(config=config)
    code, _ = refusal(jobs.sagemaker.create_hyper_parameter_tuning_job, **request)
    assert code == "ValidationException"


@pytest.mark.embedded
@pytest.mark.parametrize(
    "more",
    [
        {"Autotune": {"Mode": "Enabled"}},
        {
            "WarmStartConfig": {
                "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "before"}],
                "WarmStartType": "TransferLearning",
            }
        },
    ],
)
def test_what_is_not_emulated_is_refused_by_name(jobs: Jobs, more: dict[str, Any]) -> None:
    request = jobs.tuning(**more)
    code, text = refusal(jobs.sagemaker.create_hyper_parameter_tuning_job, **request)
    assert code == "ValidationException"
    assert text == f"{next(iter(more))}: not emulated yet."


def test_searches_are_listed_and_deleted(jobs: Jobs) -> None:
    name = jobs.tune(config=at_once(1, 1))
    jobs.tuned(name)
    listed = jobs.sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)
    (found,) = listed["HyperParameterTuningJobSummaries"]
    assert (found["Strategy"], found["ResourceLimits"]["MaxNumberOfTrainingJobs"]) == ("Random", 1)
    jobs.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    listed = jobs.sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)
    assert listed["HyperParameterTuningJobSummaries"] == []


def test_a_search_is_told_of_in_events(jobs: Jobs) -> None:
    name = jobs.tune(config=at_once(1, 1))
    heard = jobs.events(
        lambda event: event["detail"].get("HyperParameterTuningJobName") == name,
        lambda event: event["detail"]["HyperParameterTuningJobStatus"] == "Completed",
    )
    detail = heard[-1]["detail"]
    assert heard[-1]["detail-type"] == "SageMaker HyperParameter Tuning Job State Change"
    assert detail["CreationTime"].isdigit()
    assert detail["TrainingJobStatusCounters"]["Completed"] == 1


def test_a_training_job_that_says_worse_than_the_others_is_stopped_early(jobs: Jobs) -> None:
    values = ["0", "0.01", "0.02", "60"]
    config = {
        "Strategy": "Grid",
        "TrainingJobEarlyStoppingType": "Auto",
        "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "SECONDS", "Values": values}]},
        "ResourceLimits": {"MaxParallelTrainingJobs": 1},
    }
    name = jobs.tune(config=config, definition={"StaticHyperParameters": {"OBJECTIVE": "SECONDS"}})
    told = jobs.tuned(name)
    assert told["HyperParameterTuningJobStatus"] == "Completed"
    assert told["TrainingJobStatusCounters"]["Completed"] == 3
    assert told["TrainingJobStatusCounters"]["Stopped"] == 1
    assert told["BestTrainingJob"]["TunedHyperParameters"] == {"SECONDS": "0"}


def test_an_event_has_the_documented_members(jobs: Jobs) -> None:
    sample = json.loads((GOLDEN / "sagemaker_hyperparameter_tuning_job.json").read_text())
    name = jobs.tune(config=at_once(1, 1))
    heard = jobs.events(
        lambda event: event["detail"].get("HyperParameterTuningJobName") == name,
        lambda event: event["detail"]["HyperParameterTuningJobStatus"] == "Completed",
    )
    for event in heard:
        assert set(event["detail"]) == set(sample["detail"])
