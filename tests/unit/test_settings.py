"""Settings travel through the environment and come back as they were."""

import pytest

from functions.accept_drop.settings import AcceptDropSettings
from functions.settings import SettingsError
from functions.sweep.settings import SweepSettings

COMMON = {
    "prefix": "sluice-dev",
    "bus_name": "sluice-dev",
    "bus_arn": "arn:aws:events:us-east-1:123456789012:event-bus/sluice-dev",
    "table_name": "sluice-dev-ledger",
    "undelivered_arn": "arn:aws:sqs:us-east-1:123456789012:undelivered",
}


def test_settings_come_back_as_they_went() -> None:
    settings = SweepSettings(**COMMON, batch=7)

    assert SweepSettings.from_environment(settings.environment()) == settings
    assert settings.environment()["SLUICE_BATCH"] == "7"


def test_a_setting_nobody_chose_takes_its_default() -> None:
    assert SweepSettings.from_environment(SweepSettings(**COMMON).environment()).batch == 10_000


@pytest.mark.parametrize("bucket", ["data", "123", "true", "null", '{"Ref": "Bucket"}'])
def test_a_text_that_looks_like_something_else_stays_a_text(bucket: str) -> None:
    settings = AcceptDropSettings(
        **COMMON,
        data_bucket=bucket,
        artifact_bucket="artifacts",
        schedule_group="group",
        schedule_role_arn="arn:aws:iam::123456789012:role/schedules",
    )

    assert AcceptDropSettings.from_environment(settings.environment()) == settings


def test_a_missing_setting_is_named_as_its_variable() -> None:
    environ = SweepSettings(**COMMON).environment()

    with pytest.raises(SettingsError, match="environment variable SLUICE_DATA_BUCKET: Field req"):
        AcceptDropSettings.from_environment(environ)


def test_a_misstated_setting_is_named_as_its_variable() -> None:
    environ = SweepSettings(**COMMON).environment() | {"SLUICE_BATCH": "many"}

    with pytest.raises(SettingsError, match="environment variable SLUICE_BATCH: "):
        SweepSettings.from_environment(environ)


def test_variables_of_others_do_not_matter() -> None:
    environ = SweepSettings(**COMMON).environment() | {"PATH": "/bin", "SLUICE_OTHER": "x"}

    assert SweepSettings.from_environment(environ) == SweepSettings(**COMMON)
