"""The command line of the embedded AWS: `python -m local --port 4566 --state .sluice`."""

import argparse
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
        (state / "local.log").touch()
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 2 when it cannot start, with one line that says why."""
    arguments = _arguments(argv)
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
