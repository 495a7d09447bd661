"""Who is on duty hears of a failed and of a withholding night, over real servers; and no log says what must stay inside."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from flows.notify import notify
from flows.settings import load
from tests.acceptance.nights import deliver
from tests.command_lines import command_lines

TOKEN = "T0KEN-of-the-hook"
ORDER = {"order_id": "o1", "customer_id": "customer-4711", "market": "VN", "ordered_at": "2026-05-20T08:00:00Z",
         "updated_at": "2026-05-20T08:00:00Z"}  # fmt: skip
ANSWER = {"response_id": "a1", "customer_id": "customer-4711", "order_id": "o1", "survey_type": "nps", "scale_min": 0,
          "scale_max": 10, "score": 99, "comment": "call me at 0151-2345", "invited_at": "2026-06-01T08:00:00Z",
          "responded_at": "2026-06-01T09:00:00Z", "updated_at": "2026-06-01T09:00:00Z"}  # fmt: skip


@dataclass
class Heard:
    """What the two servers were told, and where they listen."""

    posts: list[dict[str, Any]] = field(default_factory=list)
    mails: list[Any] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    web = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mail = Controller(heard, hostname="127.0.0.1", port=port)
    mail.start()
    heard.settings = {
        "notify_webhook_url": f"http://127.0.0.1:{web.server_port}/{TOKEN}",
        "notify_mail_to": ["duty@example.com"],
        "mail_from": "kpis@example.com",
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_security": "none",
    }
    yield heard
    mail.stop()
    web.shutdown()


def test_a_notice_goes_both_ways(heard: Heard) -> None:
    assert notify(load(**heard.settings), "subject\nBcc: x@example.com", ["one", "two"]) == ["webhook", "mail"]
    assert heard.posts == [{"text": "subject\nBcc: x@example.com\none\ntwo"}]
    (mail,) = heard.mails
    assert (mail["Subject"], mail["To"], mail["Bcc"]) == ("subject Bcc: x@example.com", "duty@example.com", None)
    assert mail.get_payload(decode=True).decode().split() == ["one", "two"]


def test_a_channel_that_is_down_fails_nothing_and_says_no_secret(
    heard: Heard, capfd: pytest.CaptureFixture[str]
) -> None:
    down = heard.settings | {"notify_webhook_url": f"http://127.0.0.1:9/{TOKEN}"}
    assert notify(load(**down), "subject", []) == ["mail"]
    said = capfd.readouterr().err
    assert "notice not sent by webhook: URLError" in said
    assert TOKEN not in said


def test_every_flow_tells_of_its_failure(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.backfill import backfill
    from flows.nightly import nightly
    from flows.weekly import weekly

    for name, value in heard.settings.items():
        monkeypatch.setenv(
            f"EXPERIENCE_KPIS_{name.upper()}", json.dumps(value) if isinstance(value, list) else str(value)
        )
    for flow, said in (
        (nightly, "the night failed"),
        (weekly, "the weekly file failed"),
        (backfill, "the backfill failed"),
    ):
        for hooks in (flow.on_failure_hooks, flow.on_crashed_hooks):
            (hook,) = hooks
            hook(flow, SimpleNamespace(parameters={}), SimpleNamespace(message="out of\nideas"))
            assert heard.posts[-1]["text"].startswith(f"experience-kpis: {said}")
            assert heard.posts[-1]["text"].endswith("out of ideas")
    assert (len(heard.posts), len(heard.mails)) == (6, 6)


def test_nobody_is_told_when_nobody_is_set() -> None:
    assert notify(load(), "subject", []) == []


def test_a_secret_in_the_settings_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.toml").write_text('notify_webhook_url = "https://example.com/T"')
    monkeypatch.setenv("EXPERIENCE_KPIS_CONFIG", str(tmp_path / "settings.toml"))
    with pytest.raises(ValueError, match="EXPERIENCE_KPIS_NOTIFY_WEBHOOK_URL"):
        load()


def test_nights_tell_and_keep_their_secrets(heard: Heard, tmp_path: Path) -> None:
    """A night with a refused file and withheld KPIs, then one without memory; every line they print is searched."""
    deliver(tmp_path / "landing", "orders/a.csv", [ORDER])
    deliver(tmp_path / "landing", "orders/b.csv", "no,such,columns\n1,2,3\n")
    deliver(tmp_path / "landing", "surveys/a.csv", [ANSWER])
    settings = {k: json.dumps(v) if isinstance(v, list) else str(v) for k, v in heard.settings.items()}
    folders = ["--landing", tmp_path / "landing", "--out", tmp_path / "out", "--as-of", "2026-06-09T00:00:00Z"]
    with command_lines(tmp_path, PREFECT_LOGGING_LEVEL="DEBUG", EXPERIENCE_KPIS_THREADS="1") as kpis:
        night = kpis("nightly", *folders, **settings)
        assert night.status == 1, night.stderr[-2000:]
        (post,), (mail,) = heard.posts, heard.mails
        failed = kpis("nightly", *folders, "--memory", "8MB", **settings)
        assert failed.status == 2, failed.stderr[-2000:]
    assert "1 files refused" in post["text"].splitlines()[0]
    assert any(line.startswith("refused orders/b.csv: ") for line in post["text"].splitlines())
    assert any(line.startswith("withheld ") for line in post["text"].splitlines())
    assert "withheld" in mail["Subject"]
    assert heard.posts[1]["text"].startswith("experience-kpis: the night failed, readers keep the last version")
    assert len(heard.posts) == len(heard.mails) == 2
    said = "".join([night.stdout, night.stderr, failed.stdout, failed.stderr])
    said += "".join([json.dumps(heard.posts), *map(str, heard.mails)])
    key = (tmp_path / "out" / "hash.key").read_text().strip()
    for secret in (TOKEN, key, "customer-4711", "0151-2345"):
        assert secret not in said
