"""The server that a command has of its own: there before imports are, gone with the command, and what ran is kept."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = """
import sys, time
from flows import prefect_api
print(prefect_api.start(), "prefect" in sys.modules, flush=True)
"""
SERVED = """
from prefect import flow, task
@task
def step():
    return 7
@flow
def command():
    return step()
with prefect_api.served():
    print(command(), flush=True)
"""
WAITING = """
time.sleep(120)
"""


def command(code: str, home: Path, **variables: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env = kept | {"PREFECT_HOME": str(home)} | variables
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND + code],
        env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Prefect's folder of the user: a database is made in it once."""
    return tmp_path_factory.mktemp("prefect")


def test_what_ran_is_in_the_users_own_database(home):
    """The command ends when its last events are written down; the server has ended with it."""
    done = command(SERVED, home)
    said, errors = done.communicate(timeout=120)
    port, is_imported, answer = said.split()
    assert (done.returncode, is_imported, answer, errors) == (0, "False", "7", "")
    assert not is_listening(int(port))
    kept = sqlite3.connect(home / "prefect.db")
    runs = "select flow.name, state_type from flow_run inner join flow on flow.id = flow_id"
    assert kept.execute(runs).fetchall() == [("command", "COMPLETED")]
    assert kept.execute("select state_type from task_run").fetchall() == [("COMPLETED",)]


@pytest.mark.parametrize("code", [WAITING, SERVED + WAITING], ids=["while it starts", "while it serves"])
def test_a_command_that_is_killed_leaves_no_server(home, code):
    with command(code, home) as killed:
        port = int(killed.stdout.readline().split()[0])
        if code != WAITING:
            assert killed.stdout.readline() == "7\n"
        assert is_listening(port)
        killed.kill()
        killed.wait(20)
        end = time.monotonic() + 20
        while is_listening(port) and time.monotonic() < end:
            time.sleep(0.2)
        assert not is_listening(port)


@pytest.mark.parametrize("place", ["variable", "profile"])
def test_an_api_that_is_set_is_taken(tmp_path, place):
    """By a variable: nothing is started. By the user's profile, which is known once Prefect is imported: nothing is left of it.

    That nobody listens there is said in one line.
    """
    variables = {"PREFECT_API_URL": "http://127.0.0.1:9/api"} if place == "variable" else {}
    if place == "profile":
        profiles = 'active = "team"\n[profiles.team]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
        (tmp_path / "profiles.toml").write_text(profiles)
    started = command(SERVED, tmp_path, PREFECT_CLIENT_MAX_RETRIES="0", **variables)
    said, errors = started.communicate(timeout=120)
    assert said.split()[1:] == ["False"]
    assert (said.split()[0] == "None") == (place == "variable")
    assert "End: Prefect: Failed to reach API at http://127.0.0.1:9/api" in errors.splitlines()[-1]
    assert "leave PREFECT_API_URL unset" in errors.splitlines()[-1]
    assert not (tmp_path / "prefect.db").exists()


def test_a_server_that_cannot_start_is_said_in_one_line(tmp_path):
    kept = f"sqlite+aiosqlite:///{tmp_path}/nowhere/prefect.db"
    started = command(SERVED, tmp_path, PREFECT_API_DATABASE_CONNECTION_URL=kept)
    _, errors = started.communicate(timeout=120)
    assert started.returncode != 0
    assert "End: Prefect's server did not start" in errors
    assert "PREFECT_HOME" in errors
