"""What stands for a container image here: a command on this machine."""

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

ENTRYPOINT = "{entrypoint}"
ARGUMENTS = "{arguments}"


class ImageError(ValueError):
    """An image no command stands for, or a command that cannot be read."""


class Images:
    """Commands by image, the first pattern that is found in the image's URI counts.

    A command is a shell-like line. `{entrypoint}` stands for the container's own entrypoint
    without a leading `python3` (the command names its interpreter), `{arguments}` for its
    arguments; when the line has neither, a container's own are ignored.
    """

    def __init__(self, images: Sequence[tuple[str, str]]) -> None:
        try:
            self._images = [(re.compile(pattern), shlex.split(line)) for pattern, line in images]
        except (re.error, ValueError) as error:
            raise ImageError(f"--image: {error}; write it as 'REGEX=COMMAND'") from error

    def command(
        self, image: str, *, entrypoint: Sequence[str] = (), arguments: Sequence[str] = ()
    ) -> list[str]:
        """The words of the command for a container; raises ImageError."""
        for pattern, words in self._images:
            if pattern.search(image):
                filled = {ENTRYPOINT: _own(entrypoint), ARGUMENTS: list(arguments)}
                return [part for word in words for part in filled.get(word, [word])]
        known = ", ".join(pattern.pattern for pattern, _ in self._images) or "none"
        raise ImageError(f"no command stands for image {image!r}; there are: {known}")


def _own(entrypoint: Sequence[str]) -> list[str]:
    first, *rest = entrypoint or [""]
    if PurePosixPath(first).name.startswith("python"):
        return rest
    return [word for word in entrypoint if word]
