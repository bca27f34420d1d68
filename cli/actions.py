"""What people ask of a stage: drops, runs on demand, approvals, a way back, an answer."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from bundles.code import BundleError, bundle, digest
from cli.errors import BadInputError, NotFoundError, NothingToDoError, UnknownModelError
from cli.home import Home
from cli.upload import File, Progress, drop_id, gather, put, upload
from events.catalog import RollbackRequested, TrainingRequested, VersionApproved
from events.words import Reason
from functions.accept_drop.check import check
from functions.aws.objects import split
from functions.definition import Definition, DefinitionError, Deployed, read_definition
from functions.drops import Fault, prefix_of
from functions.ledger import (
    DropRecord,
    EndpointRecord,
    RolloutRecord,
    RunRecord,
    RunState,
)
from functions.names import rollout_id, run_id
from functions.places import holdout as holdout_folder
from functions.registry import Approval, Version
from functions.tracing import child_of


def deployed(home: Home, model: str) -> Deployed:
    """The model as the stage knows it; raises UnknownModelError."""
    found = home.definitions.get(model)
    if found is None:
        raise UnknownModelError(
            f"{home.where}, stage {home.stage}, knows no model {model!r};"
            f" make models/{model}/model.toml and model.py and deploy"
        )
    return found


def drop(home: Home, model: str, paths: list[Path], *, id_: str | None, progress: Progress) -> str:
    """Upload a drop; its id. Raises BadInputError when the id was used before."""
    files = gather(paths)
    chosen = drop_id(id_)
    deployed(home, model)
    if home.ledger.get(DropRecord, f"{model}#{chosen}") is not None:
        raise BadInputError(f"drop {model}/{chosen} exists; choose another --id, or give none")
    again(home, model, files, id_=chosen, progress=progress)
    return chosen


def again(home: Home, model: str, files: Sequence[File], *, id_: str, progress: Progress) -> None:
    """Upload a drop whatever was there before."""
    upload(
        home.connect("s3"),
        bucket=home.outputs["DataBucket"],
        prefix=prefix_of(model, id_),
        files=files,
        progress=progress,
    )


def holdout(home: Home, model: str, paths: list[Path], *, id_: str, progress: Progress) -> str:
    """Upload a holdout, checked as a drop is; raises BadInputError, also when it exists."""
    files = gather(paths)
    data = deployed(home, model).definition.data
    bucket = home.outputs["DataBucket"]
    folder = holdout_folder(bucket, model, drop_id(id_, option="--holdout"))
    if home.objects.any_in(folder):
        raise BadInputError(f"holdout {id_!r} of {model} is there and frozen; choose another id")
    for file in files:
        fault = check(file.path, file.name, data=data)
        if isinstance(fault, Fault):
            raise BadInputError(f"{fault.reason}: {fault.message}; a holdout is frozen: mend it")
    _, prefix = split(folder)
    put(home.connect("s3"), bucket=bucket, prefix=prefix, files=files, progress=progress)
    begin_those_that_wait(home, model, id_)
    return id_


def begin_those_that_wait(home: Home, model: str, holdout: str) -> None:
    """Runs that were parked for this holdout; the sweep would ask for them later."""
    for run in home.ledger.all(RunRecord):
        parked = run.state is RunState.PARKED and run.reason is Reason.NO_HOLDOUT
        if parked and (run.model, run.definition.evaluation.holdout) == (model, holdout):
            home.bus.publish(
                TrainingRequested(model=model, dataset=run.dataset, run=run.run, cause=run.cause)
            )


def holdout_missing(home: Home, model: str) -> str | None:
    """What to do when the holdout that runs are judged on is not there yet; None when it is."""
    wanted = deployed(home, model).definition.evaluation.holdout
    if home.objects.any_in(holdout_folder(home.outputs["DataBucket"], model, wanted)):
        return None
    return (
        f"{model} has no holdout {wanted!r} to judge on yet:"
        f" `sluice drop {model} FOLDER --holdout {wanted}`"
    )


@dataclass(frozen=True)
class Asked:
    """The run that was asked for."""

    model: str
    dataset: str
    run: str
    attempt: int


def run_of(deployed: Deployed) -> Callable[[str], str]:
    """The run that a dataset makes of a model as it is deployed."""
    config, code = deployed.definition.digest, deployed.code
    return lambda dataset: run_id(model=deployed.model, dataset=dataset, config=config, code=code)


def train(home: Home, model: str, *, dataset: str, folder: Path | None) -> Asked:
    """Ask for a run, perhaps with other code.

    One that failed is begun once more, and one that waits begins as soon as there is room and
    money for it; raises NothingToDoError for one that is under way or judged.
    """
    known = deployed(home, model)
    wanted = _dataset(home, model, dataset)
    uri = code = None
    config = known.definition.digest
    if folder is not None:
        config = _definition(folder).digest
        uri, code = _upload_code(home, model, folder)
    run = run_id(model=model, dataset=wanted, config=config, code=code or known.code)
    known_run = _may_begin(home, run)
    attempt = _attempt(known_run)
    home.bus.publish(
        TrainingRequested(
            model=model,
            dataset=wanted,
            code_uri=uri,
            code=code,
            run=run if known_run else None,
            attempt=attempt if known_run else None,
            person=True,
            cause="sluice train",
            traceparent=child_of(None),
        )
    )
    return Asked(model, wanted, run, attempt)


def _attempt(run: RunRecord | None) -> int:
    """The attempt that is asked for."""
    if run is None:
        return 1
    return run.attempt + 1 if run.state is RunState.FAILED else run.attempt


def _may_begin(home: Home, run: str) -> RunRecord | None:
    """The run if it failed or waits; None when there is none yet."""
    found = home.ledger.get(RunRecord, run)
    if found is not None and found.state not in {RunState.FAILED, RunState.PARKED}:
        raise NothingToDoError(
            f"run {run} is {found.state} already: the same data, definition and code"
            f" are the same run; `sluice show {run}`"
        )
    return found


def _definition(folder: Path) -> Definition:
    try:
        return read_definition(folder)
    except DefinitionError as error:
        raise BadInputError(str(error)) from error


def _upload_code(home: Home, model: str, folder: Path) -> tuple[str, str]:
    try:
        zipped = bundle(folder)
    except BundleError as error:
        raise BadInputError(str(error)) from error
    if folder.name != model:
        raise BadInputError(f"--from {folder}: the folder must be named {model!r} like the model")
    code = digest(zipped)
    key = f"code/{model}/{code}.zip"
    bucket = home.outputs["ArtifactBucket"]
    home.connect("s3").put_object(Bucket=bucket, Key=key, Body=zipped)
    return f"s3://{bucket}/{key}", code


def _dataset(home: Home, model: str, wanted: str) -> str:
    drops = [d for d in home.ledger.all(DropRecord) if d.model == model and d.dataset]
    if wanted == "latest":
        newest = max(drops, key=lambda d: d.first_seen, default=None)
        if newest is None or newest.dataset is None:
            raise NotFoundError(f"{model} has no accepted drop yet; `sluice drop {model} …` first")
        return newest.dataset
    for each in drops:
        if wanted and (wanted == each.drop or (each.dataset or "").startswith(wanted)):
            return each.dataset or ""
    raise NotFoundError(f"{model} has no dataset or drop {wanted!r}; `sluice runs {model}` lists")


def approve(home: Home, model: str, version: int, *, force: bool) -> Version:
    """Approve a version; the registry's event starts its rollout. Refuses what cannot start one."""
    deployed(home, model)
    found = home.registry.find(model, version) if version > 0 else None
    if found is None:
        raise NotFoundError(f"{model} has no version {version}; `sluice runs {model}` lists")
    _can_start(home, model, version)
    if found.approval is Approval.REJECTED and not force:
        raise BadInputError(
            f"version {version} was rejected: {found.comment or found.description};"
            " say --force to approve it"
        )
    if found.approval is Approval.APPROVED:
        home.bus.publish(VersionApproved(model=model, version=version, run=found.run))
    else:
        home.registry.decide(
            model, version, approval=Approval.APPROVED, reason="approved by a person"
        )
    return home.registry.find(model, version) or found


def _can_start(home: Home, model: str, version: int) -> None:
    own = home.ledger.get(RolloutRecord, rollout_id(home.names.endpoint(model), version))
    if own is not None:
        said = f": {own.reason}" if own.reason else ""
        raise NothingToDoError(
            f"version {version} was rolled out already ({own.state}{said}); train a new one"
        )
    endpoint = home.ledger.get(EndpointRecord, model)
    champion = endpoint.champion if endpoint else None
    newest = max(champion.version if champion else 0, (endpoint.waiting or 0) if endpoint else 0)
    if version < newest:
        raise NothingToDoError(
            f"version {version} is older than {newest}, which serves or waits; train a new one"
        )


def roll_back(home: Home, model: str, *, why: str) -> RolloutRecord:
    """Ask for the traffic back from the rollout that holds the endpoint."""
    deployed(home, model)
    endpoint = home.ledger.get(EndpointRecord, model)
    held = endpoint.rollout if endpoint else None
    rollout = home.ledger.get(RolloutRecord, held) if held else None
    if rollout is None or rollout.ended:
        raise NothingToDoError(
            f"{model} has no rollout under way or under watch; to replace its champion train"
            " again or approve a newer version"
        )
    if rollout.champion is None:
        raise NothingToDoError(
            f"{rollout.rollout} is the first version: there is none to return to"
        )
    home.bus.publish(
        RollbackRequested(
            rollout=rollout.rollout,
            model=model,
            reason=Reason.ASKED_BY_PERSON,
            message=why,
        )
    )
    return rollout


def invoke(home: Home, model: str, body: bytes) -> dict[str, Any]:
    """One request; the answer with the variant and version that gave it."""
    deployed(home, model)
    try:
        json.loads(body)
    except ValueError as error:
        raise BadInputError(
            f'the request is not JSON: {error}; write {{"instances": [[…]]}}'
        ) from error
    try:
        answer = home.connect("sagemaker-runtime").invoke_endpoint(
            EndpointName=home.names.endpoint(model), ContentType="application/json", Body=body
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"ModelError", "ValidationError"}:
            raise
        raise BadInputError(f"{model}: {error.response['Error']['Message']}") from error
    return {
        "variant": answer.get("InvokedProductionVariant"),
        "said": answer.get("CustomAttributes"),
        "answer": json.loads(answer["Body"].read()),
    }


def sample(home: Home, model: str) -> bytes:
    """A request that is known to be good: the golden probe of the champion's dataset."""
    deployed(home, model)
    endpoint = home.ledger.get(EndpointRecord, model)
    if endpoint is None or endpoint.champion is None:
        raise NotFoundError(f"{model} has no champion yet")
    folder = home.places.dataset(model, endpoint.champion.dataset)
    probe = home.objects.read_json(f"{folder}/probe.json")
    return json.dumps(probe).encode()


def find(home: Home, id_: str) -> DropRecord | RunRecord | RolloutRecord:
    """A drop (`model/drop`), a run, or a rollout; raises NotFoundError."""
    if "/" in id_:
        found: DropRecord | RunRecord | RolloutRecord | None = home.ledger.get(
            DropRecord, id_.replace("/", "#", 1)
        )
    else:
        found = home.ledger.get(RunRecord, id_) or home.ledger.get(RolloutRecord, id_)
    if found is None:
        raise NotFoundError(f"no drop (model/drop), run or rollout {id_!r}; `sluice runs` lists")
    return found
