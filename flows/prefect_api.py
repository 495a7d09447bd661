"""Prefect's API for a command: the one that is set, else a server of the command's own, which ends when the command does.

Prefect would start such a server by itself, once all is imported, and leave it behind when the command is killed. Here it
starts first, and the command imports what it needs meanwhile. As a program (`python -m flows.prefect_api FD`) this is that
server: it listens on a socket of its parent and ends when its standard input does, so with its parent, however that ends.
"""

from __future__ import annotations

import atexit
import gc
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection, HTTPException

from flows.cli_common import NOTHING, End

HOST = "127.0.0.1"
STOP_SECONDS = 10


@cache
def start() -> int | None:
    """Start the server of this process; the port it will listen on. None where an API is set in the environment."""
    # The steps say themselves what they do; Prefect's log is for the server, unless somebody asks for it.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # On a busy machine a server takes longer than the 20 s that Prefect would wait.
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
    if os.environ.get("PREFECT_API_URL"):
        return None
    with socket.create_server((HOST, 0)) as listening:  # who connects before the server is there, waits
        # A session of its own: Ctrl-C is for the command, which has something to tell the server yet.
        server = subprocess.Popen(
            [sys.executable, "-m", "flows.prefect_api", str(listening.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            start_new_session=True,
        )
        atexit.register(_stop, server)
        return int(listening.getsockname()[1])


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Let it write down what it was told last, after Prefect's own functions at exit."""
    try:
        server.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@contextmanager
def served() -> Iterator[None]:
    """A flow called within finds an API, with `start` before. Raises End when that does not answer."""
    from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

    port = start()
    if port is None or not _is_wanted():
        _require_answer()
        yield
        return
    asked = HTTPConnection(HOST, port, timeout=get_current_settings().server.ephemeral.startup_timeout_seconds)
    try:
        asked.request("GET", "/api/health")
        asked.getresponse()
    except (OSError, HTTPException) as error:
        said = f"Prefect's server did not start ({error}); look at the folder PREFECT_HOME names (~/.prefect), or set PREFECT_API_URL"
        raise End(NOTHING, said) from error
    finally:
        asked.close()
    with temporary_settings({PREFECT_API_URL: f"http://{HOST}:{port}/api"}):
        yield


def _require_answer() -> None:
    """What a flow would ask first, so that it is told in a line."""
    from prefect import get_client

    try:
        with get_client(sync_client=True) as client:
            client.raise_for_api_version_mismatch_once()
    except (RuntimeError, ValueError) as error:
        said = f"Prefect: {error}; start that server, or leave PREFECT_API_URL unset: a command then starts its own"
        raise End(NOTHING, said) from error


def _is_wanted() -> bool:
    """Whether the settings of Prefect, its profiles and files among them, name no API and allow a server of one's own."""
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    return not settings.api.url and settings.server.ephemeral.enabled


def main() -> None:
    """Serve on the socket that is given until standard input ends."""
    import uvicorn

    servers: list[uvicorn.Server] = []

    def follow() -> None:
        sys.stdin.buffer.read()
        if not servers:
            os._exit(0)
        servers[0].should_exit = True

    threading.Thread(target=follow, daemon=True).start()
    if not _is_wanted():
        return
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=True, final=True)
    servers.append(uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on")))
    servers[0].run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
    gc.freeze()  # taking its libraries to pieces would take most of a second


if __name__ == "__main__":
    main()
