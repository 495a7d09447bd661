"""The deployments on a real Prefect server: served, triggered, seen there with their tasks and artifacts."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prefect.states import Failed

from flows.retries import is_worth_retrying
from transforms.landing.files import Refused
from transforms.models import ModelError
from transforms.warehouse import EngineError, OutOfRoom

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "data/examples/orders_and_surveys"


@contextmanager
def process(*command: str, env: dict[str, str], log: Path):
    with log.open("w") as out:
        started = subprocess.Popen(
            command, env=env, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield started
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what: str, found, seconds: float, log: Path):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if (answer := found()) is not None:
                return answer
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    pytest.fail(f"{what}: not within {seconds} s\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A Prefect server and `experience-kpis schedule` on it; yields an API client and the output folder."""
    place = tmp_path_factory.mktemp("served")
    url = f"http://127.0.0.1:{free_port()}/api"
    env = os.environ | {
        "PREFECT_HOME": str(place / "prefect"),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "EXPERIENCE_KPIS_MAPPING": str(SHOP),
        "EXPERIENCE_KPIS_THREADS": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",  # seconds until a run that is due begins; 10 by default
    }
    server = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        url.split(":")[2][:-4],
    ]
    serve = [sys.executable, "-m", "flows", "schedule", "--landing", str(SHOP / "landing"), "--out", str(place / "out")]
    with process(*server, env=env, log=place / "server.log"), httpx.Client(base_url=url + "/", timeout=20) as api:
        until("server", lambda: api.get("health").json() or None, 90, place / "server.log")
        with process(*serve, env=env, log=place / "serve.log"):
            until("deployment", lambda: deployment(api, "nightly"), 90, place / "serve.log")
            until("deployment", lambda: deployment(api, "weekly"), 30, place / "serve.log")
            until("deployment", lambda: deployment(api, "backfill", "on-demand"), 30, place / "serve.log")
            yield api, place


def deployment(api: httpx.Client, flow: str, name: str = "scheduled"):
    answer = api.get(f"deployments/name/{flow}/{name}")
    return answer.json() if answer.status_code == 200 else None


def run(api: httpx.Client, flow: str, log: Path, **parameters):
    """Trigger a deployment and wait for its end; the finished flow run."""
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    at = f"deployments/{deployment(api, flow)['id']}/create_flow_run"
    # A server that has just been asked much can answer "try again".
    started = until("flow run", lambda: api.post(at, json=body).json().get("id"), 60, log)

    def ended():
        found = api.get(f"flow_runs/{started}").json()
        return found if found["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

    return until(f"{flow} run", ended, 180, log)


def test_the_deployments_have_their_schedule_and_run_one_at_a_time(served):
    api, _ = served
    assert [s["schedule"]["cron"] for s in deployment(api, "nightly")["schedules"]] == ["0 2 * * *"]
    assert [s["schedule"]["cron"] for s in deployment(api, "weekly")["schedules"]] == ["0 7 * * 1"]
    assert deployment(api, "backfill", "on-demand")["schedules"] == []
    for flow, name in (("nightly", "scheduled"), ("weekly", "scheduled"), ("backfill", "on-demand")):
        assert deployment(api, flow, name)["global_concurrency_limit"]["limit"] == 1


def test_a_night_and_a_week_run_on_the_server(served):
    api, place = served
    night = run(api, "nightly", place / "serve.log", as_of="2026-11-23T00:00:00Z")
    assert night["state_type"] == "COMPLETED", (place / "serve.log").read_text()[-3000:]
    assert (place / "out/marts.duckdb").exists()

    tasks = api.post("task_runs/filter", json={"flow_runs": {"id": {"any_": [night["id"]]}}}).json()
    names = {task["name"].split("-")[0] for task in tasks}
    assert {
        "discover",
        "ingest orders",
        "ingest surveys",
        "facts",
        "kpis",
        "estimates",
        "expectations",
        "publish",
    } <= names

    artifacts = api.post("artifacts/filter", json={"flow_runs": {"id": {"any_": [night["id"]]}}}).json()
    shown = {artifact["key"]: artifact["data"] for artifact in artifacts}
    assert '"orders"' in shown["ingest"]
    assert "nps" in shown["scorecard"]

    week = run(api, "weekly", place / "serve.log")
    assert week["state_type"] == "COMPLETED", (place / "serve.log").read_text()[-3000:]
    assert (place / "out/weekly/2026-W47/brief.html").exists()


@pytest.mark.slow
def test_a_share_that_is_mounted_late_is_waited_for(served):
    """The landing folder comes seconds after the night began; no other step is tried again."""
    api, place = served
    share = place / "share"

    def mount():
        """Once the first attempt has failed."""
        waiting = {"task_runs": {"state": {"name": {"any_": ["AwaitingRetry"]}}}}
        with httpx.Client(base_url=api.base_url, timeout=20) as own:
            until("retry", lambda: own.post("task_runs/filter", json=waiting).json() or None, 150, place / "serve.log")
        shutil.copytree(SHOP / "landing", share)

    late = threading.Thread(target=mount)
    late.start()
    night = run(
        api, "nightly", place / "serve.log", landing=str(share), out=str(place / "late"), as_of="2026-11-23T00:00:00Z"
    )
    late.join()
    assert night["state_type"] == "COMPLETED", (place / "serve.log").read_text()[-3000:]
    tasks = api.post("task_runs/filter", json={"flow_runs": {"id": {"any_": [night["id"]]}}}).json()
    tried = {task["name"].split("-")[0]: task["run_count"] for task in tasks}
    assert tried.pop("reach") > 1
    assert set(tried.values()) == {1}


@pytest.mark.parametrize(
    ("error", "is_worth"),
    [
        (FileNotFoundError(2, "no such landing folder"), True),
        (PermissionError(13, "not mounted yet"), True),
        (EngineError("IO Error: Could not read from file"), True),
        (OutOfRoom("Out of Memory Error"), False),
        (Refused("no mapping folder"), False),
        (ModelError("no such column"), False),
        (ValueError("a bug"), False),
    ],
)
def test_only_what_can_be_otherwise_in_a_moment_is_tried_again(error, is_worth):
    assert is_worth_retrying(None, None, Failed(data=error)) is is_worth


@pytest.mark.slow
def test_missed_nights_are_caught_up_once(served):
    """Three runs that were due while nobody served: the last works, the others end as skipped."""
    api, place = served
    at = f"deployments/{deployment(api, 'nightly')['id']}/create_flow_run"
    now = datetime.now(UTC)
    missed = [
        api.post(
            at, json={"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": due.isoformat()}}}
        ).json()["id"]
        for due in (now - timedelta(days=days) for days in (3, 2, 1))
    ]

    def ended():
        found = [api.get(f"flow_runs/{run}").json() for run in missed]
        return found if all(run["state_type"] in ("COMPLETED", "FAILED", "CRASHED") for run in found) else None

    found = until("missed runs", ended, 240, place / "serve.log")
    assert [run["state_name"] for run in found] == ["Skipped", "Skipped", "Completed"], (
        place / "serve.log"
    ).read_text()[-3000:]


def test_the_customer_key_is_in_no_log_and_no_parameter(served):
    api, place = served
    key = (place / "out/hash.key").read_text().strip()
    logs = [log["message"] for log in api.post("logs/filter", json={"limit": 200}).json()]
    runs = api.post("flow_runs/filter", json={}).text
    said = "\n".join([*logs, runs, (place / "serve.log").read_text(), (place / "server.log").read_text()])
    assert len(key) == 64
    assert key not in said
