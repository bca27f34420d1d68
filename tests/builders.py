"""Records, definitions and answers as a test wants them: sound by default, one field varied."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from functions.definition import Definition, Deployed, definition_from
from functions.drops import Dataset, Folder, Manifest, Pinned, Promise, Stored
from functions.endpoint import EndpointView, Minute, Probe, Traffic
from functions.gate_model.rules import Comparison, Judged, Report
from functions.jobs import JobStatus, JobView
from functions.ledger import (
    Champion,
    DropRecord,
    DropState,
    EndpointRecord,
    RolloutRecord,
    RolloutState,
    RunRecord,
    RunState,
)
from functions.names import Names
from functions.registry import Approval, Version

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
A_MINUTE_LATER = NOON + timedelta(minutes=1)
A_DAY_LATER = NOON + timedelta(days=1)

NAMES = Names("sluice-dev")
MODEL = "digits"
RUN = "0123456789ab"
ROLLOUT = "sluice-dev-digits-v2"
CONFIG = "sluice-dev-digits-0badcafe"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def a_definition(**sections: Any) -> Definition:
    """Steps 5, 50 and 100; each section may be overridden, of `[data]` each key."""
    data = {"features": ["pixel_*"], "classes": 10} | sections.pop("data", {})
    table: dict[str, Any] = {
        "data": data,
        "rollout": {"steps": [5, 50, 100], "min_requests": 20, "promote_requests": 100},
    }
    return definition_from(table | sections, where="test")


def a_deployed(*, code: str = "code", **sections: Any) -> Deployed:
    return Deployed(
        model=MODEL,
        definition=a_definition(**sections),
        code_uri="s3://artifacts/code/digits/code.zip",
        code=digest(code),
    )


def a_stored(name: str, *, version_id: str = "v1", size: int = 5) -> Stored:
    return Stored(name=name, key=f"drops/digits/monday/{name}", version_id=version_id, size=size)


def a_folder(
    *names: str,
    marked: bool = True,
    promised: tuple[str, ...] = (),
    complaint: str = "",
) -> Folder:
    manifest = None
    if promised:
        manifest = Manifest(
            files=tuple(Promise(name=n, sha256=digest(n), size=5) for n in promised)
        )
    return Folder(
        bucket="data",
        prefix="drops/digits/monday/",
        files=tuple(a_stored(name) for name in names),
        marked=marked,
        manifest=manifest,
        complaint=complaint,
    )


def a_dataset(*contents: str, bucket: str = "data", drop: str = "monday") -> Dataset:
    return Dataset(
        model=MODEL,
        bucket=bucket,
        prefix=f"drops/digits/{drop}/",
        files=tuple(
            Pinned(a_stored(f"part-{i}.parquet"), digest(text))
            for i, text in enumerate(contents or ("rows",))
        ),
        rows=3,
        probe=((0.0, 1.0),),
    )


def a_drop(*, state: DropState = DropState.RECEIVING, **fields: Any) -> DropRecord:
    return DropRecord(
        **{"model": MODEL, "drop": "monday", "first_seen": NOON, "state": state} | fields
    )


def a_run(*, state: RunState = RunState.STARTING, **fields: Any) -> RunRecord:
    return RunRecord(
        **{
            "run": RUN,
            "model": MODEL,
            "dataset": digest("dataset"),
            "cause": "drop monday",
            "definition": a_definition(),
            "code_uri": "s3://artifacts/code/digits/code.zip",
            "code": digest("code"),
            "state": state,
            "started_at": NOON,
            "training_job": NAMES.training_job(MODEL, RUN),
        }
        | fields
    )


def an_evaluated_run(*, against: int | None = None, **fields: Any) -> RunRecord:
    return a_run(
        state=RunState.EVALUATING,
        evaluation_job=NAMES.evaluation_job(MODEL, RUN),
        evaluations=1,
        against=against,
        artifact=f"s3://artifacts/runs/digits/{RUN}/training/model.tar.gz",
        **fields,
    )


def a_job(
    status: JobStatus = JobStatus.COMPLETED,
    *,
    name: str = f"sluice-dev-digits-{RUN}-t1",
    failure: str = "",
    artifact: str | None = "s3://artifacts/model.tar.gz",
) -> JobView:
    return JobView(name=name, status=status, failure=failure, artifact=artifact)


def a_champion(version: int = 1, *, variant: str = "blue", **fields: Any) -> Champion:
    return Champion(
        **{
            "version": version,
            "variant": variant,
            "run": f"{version:012x}",
            "dataset": digest(f"dataset {version}"),
            "artifact": f"s3://artifacts/v{version}/model.tar.gz",
            "model_digest": digest(f"model {version}"),
            "since": NOON,
        }
        | fields
    )


def an_endpoint(**fields: Any) -> EndpointRecord:
    return EndpointRecord(**{"model": MODEL} | fields)


def a_rollout(
    *, state: RolloutState = RolloutState.SHIFTING, version: int = 2, **fields: Any
) -> RolloutRecord:
    shifting = {"step": 0, "weight": 5} if state is RolloutState.SHIFTING else {}
    had_none = state is RolloutState.PROVISIONING
    return RolloutRecord(
        **{
            "rollout": f"sluice-dev-digits-v{version}",
            "model": MODEL,
            "version": version,
            "run": RUN,
            "definition": a_definition(),
            "challenger": a_champion(version, variant="green"),
            "champion": a_champion(1),
            "config": CONFIG,
            "placed": True,
            "state": state,
            "started_at": NOON,
            "step_since": NOON,
            "traffic_since": None if had_none else NOON,
        }
        | shifting
        | fields
    )


def a_view(
    *,
    status: str = "InService",
    config: str = CONFIG,
    challenger: int = 5,
    failure: str = "",
) -> EndpointView:
    weights = {"blue": 100 - challenger, "green": challenger}
    return EndpointView(status=status, config=config, weights=weights, failure=failure)


def a_probe(version: int | None = 2, *, ok: bool = True, message: str = "") -> Probe:
    return Probe(variant="green", ok=ok, version=version, message=message)


def traffic(
    requests: int,
    errors: int = 0,
    *,
    p99: float | None = 0.01,
    refused: int = 0,
    slower: int = 0,
    at: datetime = NOON,
) -> Traffic:
    """All of it in one minute."""
    if not requests:
        return Traffic()
    return Traffic((Minute(at, requests, errors, refused, slower, p99),))


def a_version(
    version: int = 2,
    *,
    approval: Approval = Approval.APPROVED,
    run: str = RUN,
    description: str = "",
    comment: str = "",
) -> Version:
    return Version(
        model=MODEL,
        version=version,
        approval=approval,
        run=run,
        dataset=digest("dataset"),
        model_digest=digest(f"model {version}"),
        artifact=f"s3://artifacts/v{version}/model.tar.gz",
        description=description,
        comment=comment,
    )


def a_report(
    accuracy: float = 0.95,
    *,
    champion: float | None = None,
    margin: float = 0.01,
    run: str = RUN,
    champion_digest: str | None = None,
) -> Report:
    """A report on 200 rows; with a champion, compared to it within ± `margin`."""
    judged = compared = None
    if champion is not None:
        judged = Judged(digest=champion_digest or digest("model 1"), metrics={"accuracy": champion})
        difference = accuracy - champion
        compared = Comparison(
            metric="accuracy",
            difference=difference,
            low=difference - margin,
            high=difference + margin,
            confidence=0.95,
        )
    candidate = Judged(digest=digest("model 2"), metrics={"accuracy": accuracy})
    return Report(run=run, rows=200, candidate=candidate, champion=judged, comparison=compared)
