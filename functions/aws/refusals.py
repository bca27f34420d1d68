"""What an AWS error means to Sluice; SageMaker tells many apart by their text alone."""

from enum import Enum, auto

from botocore.exceptions import ClientError, ParamValidationError

NotDone = ClientError | ParamValidationError
"""What a call that AWS does not accept raises: its answer, or botocore's own check before it."""

NOT_DONE = (ClientError, ParamValidationError)
"""The same for `except`."""


class Refusal(Enum):
    """Why AWS did not do what it was asked."""

    ALREADY_THERE = auto()
    NOT_THERE = auto()
    BUSY = auto()
    NO_ROOM = auto()
    INVALID = auto()
    OTHER = auto()


class NoRoomError(RuntimeError):
    """A quota or capacity limit: wait and ask again."""


class RefusedError(RuntimeError):
    """AWS will never accept this request; the message is its own."""


class MissingError(RefusedError):
    """What the request is made of was deleted: an artifact, a model, an image."""


_CODES = {
    "ResourceInUse": Refusal.ALREADY_THERE,
    "ResourceNotFound": Refusal.NOT_THERE,
    "ResourceNotFoundException": Refusal.NOT_THERE,
    "ParameterNotFound": Refusal.NOT_THERE,
    "NoSuchKey": Refusal.NOT_THERE,
    "404": Refusal.NOT_THERE,
    "ResourceLimitExceeded": Refusal.NO_ROOM,
    "ConflictException": Refusal.ALREADY_THERE,
}
_TEXTS = (
    ("cannot create already existing", Refusal.ALREADY_THERE),
    ("already exists", Refusal.ALREADY_THERE),
    ("could not find", Refusal.NOT_THERE),
    ("requested resource not found", Refusal.NOT_THERE),
    ("does not exist", Refusal.NOT_THERE),
    ("cannot update in-progress", Refusal.BUSY),
    ("in-progress endpoint", Refusal.BUSY),
)


def refusal(error: NotDone) -> Refusal:
    """Sort an error; texts are compared without regard to case, codes exactly."""
    if isinstance(error, ParamValidationError):
        return Refusal.INVALID
    code = error.response["Error"]["Code"]
    if code in _CODES:
        return _CODES[code]
    if code != "ValidationException":
        return Refusal.OTHER
    text = error.response["Error"].get("Message", "").lower()
    return next((kind for start, kind in _TEXTS if start in text), Refusal.INVALID)


def message(error: NotDone) -> str:
    """AWS's own words, or botocore's."""
    if isinstance(error, ParamValidationError):
        return " ".join(str(error).split())
    return error.response["Error"].get("Message") or str(error)
