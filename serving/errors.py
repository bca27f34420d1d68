"""What goes wrong, with a stable code and the HTTP status that tells it.

- ServingError
  - SettingsError    the environment does not say what to serve, or where
  - ModelError       the artifact is not the one that was asked for, or cannot be loaded
  - BadInputError    a request's body; 400
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


class BadInputError(ServingError):
    """A body that is not a batch of rows this model can take."""

    def __init__(self, message: str) -> None:
        super().__init__("BAD_INPUT", message)


class MediaTypeError(ServingError):
    """A body in a form that is not spoken here."""

    def __init__(self, given: str) -> None:
        super().__init__(
            "UNSUPPORTED_MEDIA_TYPE",
            f"content type {given!r} is not spoken here: send application/json or text/csv",
        )
