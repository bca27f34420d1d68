"""What goes wrong, with a stable code and the HTTP status that tells it.

- ServingError
  - SettingsError    the environment does not say what to serve, or where
  - ModelError       the artifact is not the one that was asked for, or cannot be loaded
  - RequestError     one request cannot be answered; it carries the HTTP status
    - BadInputError    a body that is not in the format it says it is; 400
    - BadRowsError     a body that can be read and is no rows of this model; 422
    - TooManyRowsError a batch that would keep all others waiting; 413
    - MediaTypeError   a body in a form that is not spoken here; 415
"""

from __future__ import annotations


class ServingError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class SettingsError(ServingError):
    """The environment does not say what to serve, or where."""


class ModelError(ServingError):
    """The artifact is not the one that was asked for, or cannot be loaded."""


class RequestError(ServingError):
    """One request cannot be answered."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code, message)
        self.status = status


class BadInputError(RequestError):
    """A body that is not in the format it says it is."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "BAD_INPUT", message)


class BadRowsError(RequestError):
    """A body that can be read and is no rows of this model."""

    def __init__(self, message: str) -> None:
        super().__init__(422, "BAD_ROWS", message)


class TooManyRowsError(RequestError):
    """A batch that would keep all others waiting."""

    def __init__(self, rows: int, *, limit: int) -> None:
        super().__init__(
            413, "TOO_MANY_ROWS", f"the body has {rows} rows: send at most {limit} at once"
        )


class MediaTypeError(RequestError):
    """A body in a form that is not spoken here."""

    def __init__(self, given: str, spoken: str) -> None:
        super().__init__(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            f"content type {given!r} is not spoken here: send {spoken}",
        )
