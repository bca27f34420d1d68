"""What an update makes of a model package, and how its event names the changes."""

from local.sagemaker.card_content import check_content
from local.sagemaker.parts import Request, invalid

_MOST = {"CustomerMetadataProperties": 50, "AdditionalInferenceSpecifications": 15}
_REPLACED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelPackageRegistrationType",
    "ModelLifeCycle",
    "SourceUri",
    "InferenceSpecification",
)
_TOLD_AS = {"SourceUri": "sourceUri"}
"""Fields whose name in UpdatedModelPackageFields is not the API's."""


def changed(package: Request, request: Request) -> Request:
    """The members of a package that an update gives another value; raises AwsError."""
    wanted = {name: request[name] for name in _REPLACED if name in request}
    wanted["CustomerMetadataProperties"] = _properties(package, request)
    wanted["AdditionalInferenceSpecifications"] = _specifications(package, request)
    wanted["ModelCard"] = _card(package, request)
    for name, most in _MOST.items():
        if len(wanted[name]) > most:
            raise invalid(f"{name}: a model package has at most {most}.")
    return {name: value for name, value in wanted.items() if value != _now(package, name)}


def told(names: Request) -> list[str]:
    """Changed members as UpdatedModelPackageFields names them."""
    return [_TOLD_AS.get(name, name) for name in names]


def check_specifications(specifications: list[Request]) -> None:
    """Raise when two have one name."""
    names = [each["Name"] for each in specifications]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise invalid(f"Additional inference specifications of one name: {', '.join(twice)}.")


def _now(package: Request, name: str) -> object:
    empty: dict[str, object] = {
        "CustomerMetadataProperties": {},
        "AdditionalInferenceSpecifications": [],
        "ModelCard": {},
    }
    return package.get(name, empty.get(name))


def _properties(package: Request, request: Request) -> dict[str, str]:
    merged = {
        **package.get("CustomerMetadataProperties", {}),
        **request.get("CustomerMetadataProperties", {}),
    }
    gone = request.get("CustomerMetadataPropertiesToRemove", [])
    return {key: value for key, value in merged.items() if key not in gone}


def _specifications(package: Request, request: Request) -> list[Request]:
    before = package.get("AdditionalInferenceSpecifications", [])
    after = [*before, *request.get("AdditionalInferenceSpecificationsToAdd", [])]
    check_specifications(after)
    return after


def _card(package: Request, request: Request) -> Request:
    """An archived card does not change any more."""
    card: Request = package.get("ModelCard", {})
    update: Request = request.get("ModelCard", {})
    if update and card.get("ModelCardStatus") == "Archived":
        raise invalid("The model card is archived: it cannot be updated.")
    if "ModelCardContent" in update:
        check_content(update["ModelCardContent"])
    return card | update
