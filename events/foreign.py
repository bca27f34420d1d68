"""What AWS says, read tolerantly: unknown fields and values pass, any casing, any time format."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from events.base import EventError, Pattern, complaint, narrowed

SAGEMAKER = "aws.sagemaker"


def moment(value: object) -> object:
    """A time in any of the forms AWS uses: epoch milliseconds (number or text) or ISO 8601."""
    if isinstance(value, str) and not _is_number(value):
        read = datetime.fromisoformat(value)
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return _since_epoch(value)
    return value


def _since_epoch(milliseconds: str | float) -> datetime:
    try:
        return datetime.fromtimestamp(float(milliseconds) / 1000, tz=UTC)
    except OverflowError as error:
        raise ValueError(f"{str(milliseconds)[:20]} ms after 1970 is no time") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def status_word(value: object) -> object:
    """`IN_SERVICE` and `InService` are one status; the API's spelling is ours."""
    if isinstance(value, str) and value.isupper() and value != "OK":
        return "".join(part.capitalize() for part in value.split("_"))
    return value


def status_spellings(status: str) -> list[str]:
    """Both spellings of an API status, for patterns."""
    snake = "".join(f"_{c}" if c.isupper() else c for c in status).strip("_").upper()
    return [status, snake]


Moment = Annotated[datetime, BeforeValidator(moment)]
Status = Annotated[str, BeforeValidator(status_word)]


class Foreign(BaseModel):
    """One AWS event's detail, as far as Sluice reads it."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", populate_by_name=True)

    source: ClassVar[str]
    detail_types: ClassVar[tuple[str, ...]]

    @model_validator(mode="before")
    @classmethod
    def _any_casing(cls, data: object) -> object:
        """Match keys without regard to the case of letters, hyphens and underscores."""
        if not isinstance(data, Mapping):
            return data
        wanted = {_plain(f.alias or name): f.alias or name for name, f in cls.model_fields.items()}
        return {wanted.get(_plain(str(key)), key): value for key, value in data.items()}

    @classmethod
    def pattern(cls, detail: Mapping[str, Any] | None = None) -> Pattern:
        """The EventBridge pattern for these events, narrowed by `detail`."""
        whole: Pattern = {"source": [cls.source], "detail-type": list(cls.detail_types)}
        return narrowed(whole, detail or {})

    @classmethod
    def from_bus(cls, raw: Mapping[str, Any]) -> Self:
        """Parse the EventBridge envelope `raw`; raises EventError."""
        try:
            return cls.model_validate(raw.get("detail"))
        except ValidationError as error:
            raise EventError(complaint(cls.__name__, error)) from error


def _plain(key: str) -> str:
    return key.replace("-", "").replace("_", "").lower()


class Bucket(Foreign):
    """The bucket an object lies in."""

    name: str


class Object(Foreign):
    """An object as S3 tells of it. The key is raw: it is never to be unquoted."""

    key: str
    size: int = 0
    etag: str | None = None
    version_id: str | None = Field(default=None, alias="version-id")
    sequencer: str | None = None


class ObjectCreated(Foreign):
    """An object was written to S3, by whatever kind of upload."""

    source: ClassVar[str] = "aws.s3"
    detail_types: ClassVar[tuple[str, ...]] = ("Object Created",)
    bucket: Bucket
    object: Object
    reason: str | None = None


class TrainingJobChanged(Foreign):
    """A training job moved to another (secondary) status."""

    source: ClassVar[str] = SAGEMAKER
    detail_types: ClassVar[tuple[str, ...]] = ("SageMaker Training Job State Change",)
    job: str = Field(alias="TrainingJobName")
    status: Status = Field(alias="TrainingJobStatus")
    secondary_status: Status | None = Field(default=None, alias="SecondaryStatus")
    failure: str | None = Field(default=None, alias="FailureReason")
    changed_at: Moment | None = Field(default=None, alias="LastModifiedTime")


class ProcessingJobChanged(Foreign):
    """A processing job moved to another status."""

    source: ClassVar[str] = SAGEMAKER
    detail_types: ClassVar[tuple[str, ...]] = ("SageMaker Processing Job State Change",)
    job: str = Field(alias="ProcessingJobName")
    status: Status = Field(alias="ProcessingJobStatus")
    failure: str | None = Field(default=None, alias="FailureReason")
    changed_at: Moment | None = Field(default=None, alias="LastModifiedTime")


class ModelPackageChanged(Foreign):
    """A version in the registry was made or edited; sent on any edit, not only on approval."""

    source: ClassVar[str] = SAGEMAKER
    detail_types: ClassVar[tuple[str, ...]] = ("SageMaker Model Package State Change",)
    group: str = Field(alias="ModelPackageGroupName")
    version: int = Field(alias="ModelPackageVersion")
    approval: str = Field(alias="ModelApprovalStatus")
    status: Status | None = Field(default=None, alias="ModelPackageStatus")
    updated: tuple[str, ...] = Field(default=(), alias="UpdatedModelPackageFields")
    changed_at: Moment | None = Field(default=None, alias="LastModifiedTime")


class EndpointChanged(Foreign):
    """An endpoint moved to another status."""

    source: ClassVar[str] = SAGEMAKER
    detail_types: ClassVar[tuple[str, ...]] = ("SageMaker Endpoint State Change",)
    endpoint: str = Field(alias="EndpointName")
    status: Status = Field(alias="EndpointStatus")
    config: str | None = Field(default=None, alias="EndpointConfigName")
    changed_at: Moment | None = Field(default=None, alias="LastModifiedTime")


class VariantStatus(Foreign):
    """What a variant of a guarded deployment is doing."""

    status: Status = Field(alias="Status")
    message: str | None = Field(default=None, alias="StatusMessage")


class DeployedVariant(Foreign):
    """A variant inside a guarded deployment."""

    name: str | None = Field(default=None, alias="VariantName")
    weight: float | None = Field(default=None, alias="CurrentWeight")
    statuses: tuple[VariantStatus, ...] = Field(default=(), alias="VariantStatus")


class PendingDeployment(Foreign):
    """The deployment under way."""

    config: str = Field(alias="EndpointConfigName")
    variants: tuple[DeployedVariant, ...] = Field(default=(), alias="ProductionVariants")


class EndpointDeploymentChanged(Foreign):
    """A guarded deployment moved on (never sent for Inf1 and Marketplace containers)."""

    source: ClassVar[str] = SAGEMAKER
    detail_types: ClassVar[tuple[str, ...]] = ("SageMaker Endpoint Deployment State Change",)
    endpoint: str = Field(alias="EndpointName")
    status: Status = Field(alias="EndpointStatus")
    config: str | None = Field(default=None, alias="EndpointConfigName")
    variants: tuple[DeployedVariant, ...] = Field(default=(), alias="ProductionVariants")
    pending: PendingDeployment | None = Field(default=None, alias="PendingDeploymentSummary")


class TuningJobChanged(Foreign):
    """A hyperparameter tuning job moved to another status."""

    source: ClassVar[str] = SAGEMAKER
    detail_types: ClassVar[tuple[str, ...]] = ("SageMaker HyperParameter Tuning Job State Change",)
    job: str = Field(alias="HyperParameterTuningJobName")
    status: Status = Field(alias="HyperParameterTuningJobStatus")
    counters: dict[str, int] = Field(default_factory=dict, alias="TrainingJobStatusCounters")
    changed_at: Moment | None = Field(default=None, alias="LastModifiedTime")


class AlarmState(Foreign):
    """One state of an alarm and why."""

    value: str
    reason: str = ""
    timestamp: Moment | None = None


class AlarmMetric(Foreign):
    """The metric an alarm watches."""

    namespace: str | None = None
    name: str | None = None
    dimensions: dict[str, str] = Field(default_factory=dict)


class AlarmStatistic(Foreign):
    """A metric and how it is reckoned."""

    metric: AlarmMetric = Field(default_factory=lambda: AlarmMetric())


class AlarmQuery(Foreign):
    """One of an alarm's metrics; an expression over others has no statistic."""

    statistic: AlarmStatistic | None = Field(default=None, alias="metricStat")


class AlarmConfiguration(Foreign):
    """What an alarm watches."""

    metrics: tuple[AlarmQuery, ...] = ()


class AlarmChanged(Foreign):
    """An alarm went to OK, ALARM or INSUFFICIENT_DATA."""

    source: ClassVar[str] = "aws.cloudwatch"
    detail_types: ClassVar[tuple[str, ...]] = ("CloudWatch Alarm State Change",)
    alarm: str = Field(alias="alarmName")
    state: AlarmState
    configuration: AlarmConfiguration = Field(default_factory=lambda: AlarmConfiguration())

    @property
    def metric(self) -> AlarmMetric:
        """The first metric the alarm returns data for; empty for a composite alarm."""
        found = (one.statistic.metric for one in self.configuration.metrics if one.statistic)
        return next(found, AlarmMetric())


class ScheduleFired(Foreign):
    """A rule's rate or cron expression came round."""

    source: ClassVar[str] = "aws.events"
    detail_types: ClassVar[tuple[str, ...]] = ("Scheduled Event",)


FOREIGN: tuple[type[Foreign], ...] = (
    ObjectCreated,
    TrainingJobChanged,
    ProcessingJobChanged,
    ModelPackageChanged,
    EndpointChanged,
    EndpointDeploymentChanged,
    TuningJobChanged,
    AlarmChanged,
    ScheduleFired,
)
"""Every AWS event Sluice can read."""
