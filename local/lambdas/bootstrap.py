"""Starts awslambdaric in a sandbox that dies with its server, even when that is killed -9.

The sandbox's standard input is a pipe whose other end only the server holds: when the server is
gone, however it went, the pipe ends, and the sandbox with every process that it started.
"""

import os
import runpy
import signal
import sys
import threading


def _die_with_server() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_die_with_server, daemon=True).start()
    sys.argv = ["awslambdaric", *sys.argv[1:]]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
