"""`weekly --send` as a scheduler runs it: exit statuses, one clear line, and no secret in what it or Prefect leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from marts_in_small import marts
from servers import HOST, Mailbox, Webhook, certificate, smtp, webhook

PASSWORD = "s3cret-Pa55-word"
TO = ["vorstand@example.com", "coo@example.com"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    marts(tmp_path / "out" / "marts.duckdb")
    return tmp_path / "out"


def weekly(out: Path, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {
        n: v
        for n, v in os.environ.items()
        if not n.startswith(("EXPERIENCE_KPIS_", "PREFECT_")) and "proxy" not in n.lower()
    }
    given = {f"EXPERIENCE_KPIS_{name.upper()}": value for name, value in variables.items()}
    home = {"PREFECT_HOME": str(out.parent / "prefect")}
    return subprocess.run(
        [sys.executable, "-m", "flows", "weekly", "--out", str(out), *flags],
        capture_output=True, text=True, env=kept | home | given, check=False, timeout=300,
    )  # fmt: skip


def test_sent_then_already_sent_then_refused(out: Path, tmp_path: Path) -> None:
    shown, context = certificate(tmp_path)
    box, hook = Mailbox(), Webhook()
    with smtp(box, tls=context, login=("kpis", PASSWORD)) as port, webhook(hook) as url:
        variables = {
            "smtp_host": HOST, "smtp_port": str(port), "smtp_user": "kpis", "smtp_password": PASSWORD,
            "smtp_ca_file": str(shown), "mail_from": "kpis@example.com", "mail_to": json.dumps(TO), "webhook_url": url,
        }  # fmt: skip
        runs = [weekly(out, "--send", **variables)]
        assert runs[0].returncode == 0, runs[0].stderr
        assert f"mail: sent to {', '.join(TO)}" in runs[0].stdout
        box.refuse = {TO[1]: "550 no such user"}
        runs.append(weekly(out, "--send", "--again", **variables))
        assert runs[1].returncode == 1
        assert "the weekly file is written, but mail: not sent to coo@example.com (550 no such user)" in runs[1].stderr
        assert "Traceback" not in runs[1].stderr
    assert len(box.mails) == len(hook.texts) == 2
    told = json.loads((out / "weekly" / "2026-W47" / "receipt.json").read_text(encoding="utf-8"))["deliveries"]
    assert [(entry["channel"], entry["outcome"]) for entry in told] == [
        ("mail", "sent"), ("webhook", "sent"), ("mail", "sent in part"), ("webhook", "sent"),
    ]  # fmt: skip
    left = [path for folder in (out, tmp_path / "prefect") for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in left)
    for secret in (PASSWORD.encode(), b"hook-token"):
        assert not [path for path in left if secret in path.read_bytes()]
        assert not [run for run in runs if secret.decode() in run.stdout + run.stderr]


@pytest.mark.parametrize(
    ("flags", "variables", "said"),
    [
        (("--send",), {}, "nobody to send to"),
        (("--again",), {}, "--again goes with --send"),
        (("--send", "--audience", "analysts"), {"webhook_url": "https://chat.example/x"}, "for analysts is not sent"),
        (("--send",), {"mail_to": '["a@example.com\\nBcc: b@example.com"]'}, "expected a mail address"),
        (("--send",), {"webhook_url": "ftp://hook-token"}, "no https:// address"),
    ],
)
def test_what_cannot_be_sent_is_wrong_usage(
    out: Path, flags: tuple[str, ...], variables: dict[str, str], said: str
) -> None:
    """Said before anything is written."""
    done = weekly(out, *flags, **variables)
    assert done.returncode == 64, done.stderr
    assert said in done.stderr
    assert "hook-token" not in done.stderr + done.stdout
    assert not (out / "weekly").exists()


def test_a_ledger_with_a_wrong_line_does_not_keep_the_file_from_its_readers(out: Path) -> None:
    """The line is named on stderr, in the file and in its receipt, without the folders of this machine."""
    (out / "actions.csv").write_text(
        "id,what,kpi,where,status,started,owner,note\nr1,Call,nps,all,started,05/10/2026,me,\n", encoding="utf-8"
    )
    done = weekly(out)
    assert done.returncode == 1, done.stderr
    said = "actions.csv, line 2: started: found '05/10/2026', expected a date such as 2026-11-16"
    assert f"the weekly file is written, without what could not be read of the actions ledger:\n{said}" in done.stderr
    folder = out / "weekly" / "2026-W47"
    assert json.loads((folder / "receipt.json").read_text(encoding="utf-8"))["refused"] == [said]
    page = (folder / "brief.html").read_text(encoding="utf-8")
    assert f"Not read of the ledger: {said}".replace("'", "&#39;") in page
    assert str(out) not in page
