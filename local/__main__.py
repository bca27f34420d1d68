"""The command line of the embedded AWS: `python -m local --port 4566 --state .sluice`."""

import argparse
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from local.http_server import PortError
from local.store import StateError

if TYPE_CHECKING:
    from local.server import Server

_MALLOC = {-8: 2, -1: 65_536, -3: 65_536}
"""mallopt's numbers: at most two arenas; what is free at the end, and large, goes back."""


def _image(text: str) -> tuple[str, str]:
    pattern, separator, command = text.partition("=")
    if not separator or not command.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not REGEX=COMMAND")
    return pattern, command


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 chooses one")
    parser.add_argument("--state", type=Path, required=True, help="folder for everything it keeps")
    parser.add_argument("--time-scale", type=float, default=1.0, help="waits are divided by this")
    parser.add_argument(
        "--image",
        type=_image,
        action="append",
        default=[],
        metavar="REGEX=COMMAND",
        help="which command stands for which container image; the first match counts",
    )
    parser.add_argument("--ready-file", type=Path, help="written with the URL once it answers")
    parser.add_argument("--log-level", default="WARNING", help="of local.log in the state folder")
    return parser.parse_args(argv)


def _log_to(state: Path, level: str) -> None:
    try:
        state.mkdir(parents=True, exist_ok=True)
        (state / "local.log").open("a").close()
    except OSError as error:
        reason = error.strerror or error
        raise StateError(f"{state} cannot be written: {reason}; choose another") from error
    logging.basicConfig(
        filename=state / "local.log",
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    for library in ("botocore", "s3transfer", "urllib3", "werkzeug"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _assembled(arguments: argparse.Namespace) -> "Server":
    from local.server import Options, Server  # slow: after the arguments were understood

    images = tuple(arguments.image)
    return Server(Options(arguments.port, arguments.state, arguments.time_scale, images))


def _return_what_is_freed() -> None:
    """Large uploads come and go: without this glibc keeps some 200 MB of them for ever."""
    with contextlib.suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _MALLOC.items():
            mallopt(option, value)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 2 when it cannot start, with one line that says why."""
    arguments = _arguments(argv)
    _return_what_is_freed()
    stopped = Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopped.set())
    try:
        _log_to(arguments.state, arguments.log_level)
        server = _assembled(arguments)
        if server.warning:
            sys.stderr.write(f"{server.warning}\n")
    except (PortError, StateError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    server.start()
    if arguments.ready_file is not None:
        partial = arguments.ready_file.with_suffix(".partial")
        partial.write_text(f"{server.url}\n")
        partial.rename(arguments.ready_file)
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    stopped.wait()
    server.stop()
    os._exit(
        0
    )  # daemon threads may sit in blocking calls; every child process has been killed by now


if __name__ == "__main__":
    sys.exit(main())
