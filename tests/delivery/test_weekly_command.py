"""`weekly --send` as a scheduler runs it: exit statuses, one clear line, and no secret in what it or Prefect leaves."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from marts_in_small import marts
from prefect.states import Failed
from servers import HOST, Mailbox, Webhook, certificate, smtp, webhook

from flows.cli import main
from flows.weekly import write
from tests.command_lines import Done, command_lines
from transforms.leadership.layout import LayoutError

PASSWORD = "s3cret-Pa55-word"
TO = ["vorstand@example.com", "coo@example.com"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    marts(tmp_path / "out" / "marts.duckdb")
    return tmp_path / "out"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the process that runs the commands leaves what it leaves beside the output."""
    return tmp_path_factory.mktemp("process")


@pytest.fixture(scope="module")
def kpis(place: Path) -> Iterator[Callable[..., Done]]:
    with command_lines(place) as run:
        yield run


def test_sent_then_already_sent_then_refused(kpis: Callable[..., Done], place: Path, out: Path, tmp_path: Path) -> None:
    shown, context = certificate(tmp_path)
    box, hook = Mailbox(), Webhook()
    with smtp(box, tls=context, login=("kpis", PASSWORD)) as port, webhook(hook) as url:
        variables = {
            "smtp_host": HOST, "smtp_port": str(port), "smtp_user": "kpis", "smtp_password": PASSWORD,
            "smtp_ca_file": str(shown), "mail_from": "kpis@example.com", "mail_to": json.dumps(TO), "webhook_url": url,
        }  # fmt: skip
        runs = [kpis("weekly", "--out", out, "--send", **variables)]
        assert runs[0].status == 0, runs[0].stderr
        assert f"mail: sent to {', '.join(TO)}" in runs[0].stdout
        box.refuse = {TO[1]: "550 no such user"}
        runs.append(kpis("weekly", "--out", out, "--send", "--again", **variables))
        assert runs[1].status == 1
        assert "the weekly file is written, but mail: not sent to coo@example.com (550 no such user)" in runs[1].stderr
        assert "Traceback" not in runs[1].stderr
    assert len(box.mails) == len(hook.texts) == 2
    told = json.loads((out / "weekly" / "2026-W47" / "receipt.json").read_text(encoding="utf-8"))["deliveries"]
    assert [(entry["channel"], entry["outcome"]) for entry in told] == [
        ("mail", "sent"), ("webhook", "sent"), ("mail", "sent in part"), ("webhook", "sent"),
    ]  # fmt: skip
    left = [path for folder in (out, place) for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in left)
    for secret in (PASSWORD.encode(), b"hook-token"):
        assert not [path for path in left if secret in path.read_bytes()]
        assert not [run for run in runs if secret.decode() in run.stdout + run.stderr]


@pytest.mark.parametrize(
    ("flags", "variables", "said"),
    [
        (("--send",), {}, "nobody to send to"),
        (("--again",), {}, "--again goes with --send"),
        (("--week", "W47"), {}, "--week: found 'W47', expected an ISO week such as 2026-W47"),
        ((), {"mail_to": '["a@example.com"]'}, "kpis: settings: mail_to needs smtp_host and mail_from"),
        (("--send", "--audience", "analysts"), {"webhook_url": "https://chat.example/x"}, "for analysts is not sent"),
        (("--send",), {"mail_to": '["a@example.com\\nBcc: b@example.com"]'}, "expected a mail address"),
        (("--send",), {"webhook_url": "ftp://hook-token"}, "no https:// address"),
    ],
)
def test_what_cannot_be_sent_is_wrong_usage(
    out: Path,
    flags: tuple[str, ...],
    variables: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Said before anything is written, and before there is a run of which a process could leave something."""
    for name, value in variables.items():
        monkeypatch.setenv(f"EXPERIENCE_KPIS_{name.upper()}", value)
    monkeypatch.setattr(sys, "argv", ["experience-kpis", "weekly", "--out", str(out), *flags])
    with pytest.raises(SystemExit) as end:
        main()
    printed, error = capfd.readouterr()
    assert end.value.code == 64, error
    assert said in error
    assert "hook-token" not in error + printed
    assert not (out / "weekly").exists()


def test_a_ledger_with_a_wrong_line_does_not_keep_the_file_from_its_readers(
    kpis: Callable[..., Done], out: Path
) -> None:
    """The line is named on stderr, in the file and in its receipt, without the folders of this machine."""
    (out / "actions.csv").write_text(
        "id,what,kpi,where,status,started,owner,note\nr1,Call,nps,all,started,05/10/2026,me,\n", encoding="utf-8"
    )
    done = kpis("weekly", "--out", out)
    assert done.status == 1, done.stderr
    said = "actions.csv, line 2: started: found '05/10/2026', expected a date such as 2026-11-16"
    assert f"the weekly file is written, without what could not be read of the actions ledger:\n{said}" in done.stderr
    folder = out / "weekly" / "2026-W47"
    assert json.loads((folder / "receipt.json").read_text(encoding="utf-8"))["refused"] == [said]
    page = (folder / "brief.html").read_text(encoding="utf-8")
    assert f"Not read of the ledger: {said}".replace("'", "&#39;") in page
    assert str(out) not in page


def test_marts_of_another_release_are_refused_in_one_line_and_not_tried_again(
    kpis: Callable[..., Done], out: Path
) -> None:
    with duckdb.connect(str(out / "marts.duckdb")) as marts_made:
        marts_made.execute("create table kpi_slices (kpi VARCHAR, week DATE, numerator DOUBLE, denominator DOUBLE)")
    done = kpis("weekly", "--out", out)
    assert done.status == 2
    assert "Traceback" not in done.stderr
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("experience-kpis:")]
    assert "found no hours_in_7_days, hours_in_14_days, hours_in_30_days in table kpi_slices" in said
    assert "run `experience-kpis nightly` once" in said
    assert not (out / "weekly").exists()
    assert write.retry_condition_fn is not None
    assert write.retry_condition_fn(write, None, Failed(data=LayoutError(said))) is False
