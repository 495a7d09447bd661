"""The weekly file on its way out, to real servers: whole, once, loudly when it fails, and without a secret in any trace."""

from __future__ import annotations

import json
import logging
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from servers import HOST, Mailbox, Webhook, certificate, smtp, smtp_that_hangs_up, webhook

from flows.delivery import NotSent, deliver
from flows.settings import Settings, load
from transforms.leadership.files import RECEIPT, read_parts

PASSWORD = "s3cret-Pa55-word"
TO = ["vorstand@example.com", "coo@example.com"]


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(weekly: Path, tmp_path: Path) -> Path:
    """A weekly folder that a test may change."""
    return Path(shutil.copytree(weekly, tmp_path / "2026-W47"))


def settings(**given: Any) -> Settings:
    return load(**{"mail_from": "kpis@example.com", "mail_to": TO, "smtp_host": HOST, "smtp_security": "none"} | given)


class Pauses(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def deliveries(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / RECEIPT).read_text(encoding="utf-8"))["deliveries"])


# ---- what arrives ---------------------------------------------------------------------------------


def test_the_mail_holds_one_screen_and_both_files(folder: Path) -> None:
    box = Mailbox()
    with smtp(box) as port:
        lines = deliver(folder, settings(smtp_port=port, weekly_url="https://kpis.example/weekly/"))
    assert lines == [f"mail: sent to {', '.join(TO)}"]
    ((recipients, mail),) = box.mails
    assert recipients == TO
    assert mail["To"] == ", ".join(TO)
    assert "2026-W47" in mail["Subject"]
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 90
    for said in ("NPS", "checks passed", "https://kpis.example/weekly/2026-W47/brief.html", "Größe ✓ ≤ 市場"):
        assert said in text, said
        assert said.replace("https://", "") in html, said
    assert "<script>" not in html
    attached = {part.get_filename(): part for part in mail.iter_attachments()}
    assert set(attached) == {"2026-W47-brief.pdf", "2026-W47-kpis.xlsx"}
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Attached: 2026-W47-brief.pdf and 2026-W47-kpis.xlsx." in body.get_content()
    for name, part in attached.items():
        assert part.get_content() == (folder / name.removeprefix("2026-W47-")).read_bytes()


def test_the_receipt_says_who_has_what(folder: Path) -> None:
    box, hook = Mailbox(), Webhook()
    with smtp(box) as port, webhook(hook) as url:
        deliver(folder, settings(smtp_port=port, webhook_url=SecretStr(url)))
    by_mail, by_hook = deliveries(folder)
    assert (by_mail["channel"], by_mail["outcome"], by_mail["recipients"], by_mail["accepted"]) == (
        "mail",
        "sent",
        TO,
        TO,
    )
    assert by_mail["message_id"] == box.mails[0][1]["Message-ID"]
    assert by_mail["at"].endswith("Z")
    assert {file["name"]: file["sha256"] for file in by_mail["files"]} == {
        name: sha256((folder / name).read_bytes()).hexdigest() for name in ("brief.pdf", "kpis.xlsx")
    }
    assert (by_hook["channel"], by_hook["outcome"]) == ("webhook", "sent")
    assert json.loads((folder / RECEIPT).read_text())["rows"]["Scorecard"] > 0
    read_parts(folder)
    (text,) = hook.texts
    assert "2026-W47" in text
    assert "&lt;" in text or "<" not in text


def test_numbers_in_the_mail_are_those_of_the_page(folder: Path) -> None:
    from transforms.leadership.scorecard import scorecard_lines

    box = Mailbox()
    with smtp(box) as port:
        deliver(folder, settings(smtp_port=port))
    text = box.mails[0][1].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    payload = json.loads((folder / "kpis.json").read_text(encoding="utf-8"))
    lines, settled_later = scorecard_lines(payload), 0
    for line, after in zip(lines, [*lines[1:], None], strict=True):
        if line["is_first"]:
            (row,) = [row for row in text.splitlines() if row.startswith(line["label"][:27])]
            is_settled = line["status"] not in ("provisional", "not_reached", "missing")
            if is_settled or after is None or after["label"]:
                told, status = line, line["status_words"]
            else:  # a value that still fills up would be read as a good one: the latest settled week's stands here
                told, status = after, f"final {after['week']}"
                settled_later += 1
            assert told["value"] in row
            assert told["interval"] in row
            assert status in row
    assert settled_later


# ---- once -----------------------------------------------------------------------------------------


def test_the_same_file_is_not_sent_twice_unless_told(folder: Path) -> None:
    box, hook = Mailbox(), Webhook()
    with smtp(box) as port, webhook(hook) as url:
        given = settings(smtp_port=port, webhook_url=SecretStr(url))
        deliver(folder, given)
        lines = deliver(folder, given)
        assert len(box.mails) == len(hook.texts) == 1
        assert [line.split(" at ")[0] for line in lines] == [
            f"mail: already sent to {', '.join(TO)}", "webhook: already sent",
        ]  # fmt: skip
        deliver(folder, given, again=True)
    assert len(box.mails) == len(hook.texts) == 2
    ids = [mail["Message-ID"] for _, mail in box.mails]
    assert ids[0] != ids[1]


def test_a_new_recipient_gets_it_alone(folder: Path) -> None:
    box = Mailbox()
    with smtp(box) as port:
        deliver(folder, settings(smtp_port=port, mail_to=TO[:1]))
        deliver(folder, settings(smtp_port=port))
    assert [recipients for recipients, _ in box.mails] == [TO[:1], TO[1:]]


def test_what_was_sent_is_known_when_the_week_is_written_again(fetch: Any, tmp_path: Path) -> None:
    """The same marts give the same files: nobody gets them a second time."""
    from transforms.leadership.files import write_weekly

    write_weekly(fetch, tmp_path, "2026-W47")
    box = Mailbox()
    with smtp(box) as port:
        deliver(tmp_path / "weekly" / "2026-W47", settings(smtp_port=port))
        write_weekly(fetch, tmp_path, "2026-W47")
        (line,) = deliver(tmp_path / "weekly" / "2026-W47", settings(smtp_port=port))
    assert "already sent" in line
    assert len(box.mails) == 1


# ---- failures -------------------------------------------------------------------------------------


def test_a_refused_recipient_is_a_failed_send_and_the_others_are_not_sent_it_again(folder: Path) -> None:
    box, pauses = Mailbox(refuse={TO[1]: "550 no such\tuser here"}), Pauses()
    with smtp(box) as port:
        given = settings(smtp_port=port)
        with pytest.raises(NotSent, match=r"not sent to coo@example.com \(550 no such user here\); sent to vorstand@"):
            deliver(folder, given, pause=pauses)
        assert pauses == []
        assert deliveries(folder)[-1]["outcome"] == "sent in part"
        assert deliveries(folder)[-1]["refused"] == {TO[1]: "550 no such user here"}
        box.refuse = {}
        deliver(folder, given)
    assert [recipients for recipients, _ in box.mails] == [TO[:1], TO[1:]]


def test_a_recipient_refused_for_now_is_tried_again(folder: Path) -> None:
    box = Mailbox(refuse={TO[1]: "450 greylisted"})

    def pause(_: float) -> None:
        box.refuse = {}

    with smtp(box) as port:
        assert deliver(folder, settings(smtp_port=port), pause=pause) == [f"mail: sent to {', '.join(TO)}"]
    assert [recipients for recipients, _ in box.mails] == [TO[:1], TO[1:]]


def test_a_recipient_refused_for_now_for_good_is_named(folder: Path) -> None:
    pauses = Pauses()
    with (
        smtp(Mailbox(refuse={TO[1]: "450 greylisted"})) as port,
        pytest.raises(NotSent, match=r"coo@example.com \(450 greylisted\); sent to vorstand"),
    ):
        deliver(folder, settings(smtp_port=port), pause=pauses)
    assert len(pauses) == 3


def test_a_long_list_is_handed_over_as_the_server_takes_it(folder: Path) -> None:
    """And more often than a server that takes nobody is tried; a refused one among them is still named."""
    many = [f"reader{number}@example.com" for number in range(73)]
    box, pauses = Mailbox(most=10, refuse={many[40]: "550 no such user"}), Pauses()
    with (
        smtp(box) as port,
        pytest.raises(NotSent, match=r"not sent to reader40@example.com .550 no such user.; sent to"),
    ):
        deliver(folder, settings(smtp_port=port, mail_to=many), pause=pauses)
    taken = [address for recipients, _ in box.mails for address in recipients]
    assert sorted(taken) == sorted(set(many) - {many[40]})
    assert max(len(recipients) for recipients, _ in box.mails) == 10
    assert pauses == []
    (entry,) = deliveries(folder)
    assert (len(entry["accepted"]), list(entry["refused"]), entry["outcome"]) == (72, [many[40]], "sent in part")


def test_an_address_that_is_named_twice_gets_one_mail(folder: Path) -> None:
    box = Mailbox()
    with smtp(box) as port:
        deliver(folder, settings(smtp_port=port, mail_to=[TO[0], TO[0]]))
    assert [recipients for recipients, _ in box.mails] == [[TO[0]]]


@pytest.mark.parametrize("goodbye", ["421 shutting down", "500 what?"])
def test_what_is_said_after_the_mail_was_taken_is_no_fault(folder: Path, goodbye: str) -> None:
    """It would be sent once more to everybody."""
    box = Mailbox(goodbye=goodbye)
    with smtp(box) as port:
        assert deliver(folder, settings(smtp_port=port)) == [f"mail: sent to {', '.join(TO)}"]
    assert len(box.mails) == 1


@pytest.mark.parametrize("fault", ["drops", "busy"])
def test_a_connection_that_breaks_off_is_tried_again_with_growing_pauses(folder: Path, fault: str) -> None:
    box, pauses = Mailbox(drops=2 * (fault == "drops"), busy=2 * (fault == "busy")), Pauses()
    with smtp(box) as port:
        deliver(folder, settings(smtp_port=port), pause=pauses)
    assert len(box.mails) == 1
    assert len(pauses) == 2
    assert pauses[0] < pauses[1]
    assert deliveries(folder)[-1]["attempts"] == 3


@pytest.mark.parametrize("in_bytes", [1, 40_000])
def test_a_server_that_hangs_up_in_the_middle_of_the_mail_is_a_failed_send(folder: Path, in_bytes: int) -> None:
    """Nobody is said to have it, and who asks again sends it again."""
    pauses = Pauses()
    with (
        smtp_that_hangs_up(in_bytes) as (port, heard),
        pytest.raises(NotSent, match=rf"not sent to {TO[0]}, {TO[1]} \(127.0.0.1:{port}[: ].*[Cc]onnection") as caught,
    ):
        deliver(folder, settings(smtp_port=port), pause=pauses)
    assert [len(part) for part in heard] == [in_bytes] * 4
    assert list(pauses) == [2.0, 10.0, 30.0]
    entry = deliveries(folder)[-1]
    assert (entry["outcome"], entry["accepted"], entry["attempts"]) == ("failed", [], 4)
    assert entry["fault"] in str(caught.value)
    box = Mailbox()
    with smtp(box) as port:
        deliver(folder, settings(smtp_port=port))
    assert [sorted(recipients) for recipients, _ in box.mails] == [sorted(TO)]


def test_a_server_that_is_not_there_fails_after_four_attempts(folder: Path) -> None:
    with smtp(Mailbox()) as port:
        pass
    pauses = Pauses()
    with pytest.raises(NotSent, match=rf"not sent to {TO[0]}, {TO[1]} \(127.0.0.1:{port}: Connection refused\)"):
        deliver(folder, settings(smtp_port=port), pause=pauses)
    assert len(pauses) == 3
    assert deliveries(folder)[-1]["outcome"] == "failed"


@pytest.mark.parametrize(("answers", "tries"), [((503, 429), 3), ((500, 500, 500), 4)])
def test_a_webhook_that_is_busy_is_tried_again(folder: Path, answers: tuple[int, ...], tries: int) -> None:
    hook, pauses = Webhook(*answers), Pauses()
    with webhook(hook) as url:
        assert deliver(folder, settings(mail_to=[], webhook_url=SecretStr(url)), pause=pauses) == ["webhook: sent"]
    assert len(hook.paths) == tries
    assert len(pauses) == tries - 1


@pytest.mark.parametrize("answer", [404, 403, 302])
def test_a_webhook_that_refuses_is_not_tried_again(folder: Path, answer: int) -> None:
    """A redirect is a refusal: the secret in the address does not go elsewhere."""
    hook = Webhook(answer)
    with webhook(hook) as url, pytest.raises(NotSent, match=f"webhook: not sent, the webhook answered {answer}"):
        deliver(folder, settings(mail_to=[], webhook_url=SecretStr(url)), pause=Pauses())
    assert len(hook.paths) == 1


def test_a_failed_mail_does_not_keep_the_webhook_back(folder: Path) -> None:
    hook = Webhook()
    with smtp(Mailbox(refuse=dict.fromkeys(TO, "550 no"))) as port, webhook(hook) as url:
        with pytest.raises(NotSent, match=r"(?s)mail: not sent to .*webhook: sent"):
            deliver(folder, settings(smtp_port=port, webhook_url=SecretStr(url)), pause=Pauses())
        assert len(hook.texts) == 1


@pytest.mark.parametrize("part", ["brief.pdf", "kpis.xlsx", "kpis.json", RECEIPT])
@pytest.mark.parametrize("harm", ["missing", "empty", "altered"])
def test_a_part_that_is_not_what_the_receipt_says_stops_everything(folder: Path, part: str, harm: str) -> None:
    path = folder / part
    content = path.read_bytes()
    if part == RECEIPT and harm != "missing":
        content = content.replace(b'"sha256": "', b'"sha256": "0')
        path.write_bytes(content)
    elif harm == "missing":
        path.unlink()
    else:
        path.write_bytes(b"" if harm == "empty" else content[:-1] + bytes([content[-1] ^ 1]))
    box = Mailbox()
    with smtp(box) as port, pytest.raises(NotSent, match="nothing was sent: "):
        deliver(folder, settings(smtp_port=port))
    assert box.conversations == 0


def test_a_file_for_analysts_is_not_sent(fetch: Any, tmp_path: Path) -> None:
    from transforms.leadership.files import write_weekly

    write_weekly(fetch, tmp_path, "2026-W47", audience="analysts")
    box = Mailbox()
    with smtp(box) as port:
        with pytest.raises(NotSent, match="written for analysts"):
            deliver(tmp_path / "analysts" / "weekly" / "2026-W47", settings(smtp_port=port))
        with pytest.raises(ValueError, match="not sent"):
            deliver(tmp_path, settings(smtp_port=port, audience="analysts"))
    assert box.conversations == 0


# ---- secrets and injection ------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_login_over_tls_with_a_certificate_of_our_own(folder: Path, tmp_path: Path, security: str) -> None:
    shown, context = certificate(tmp_path)
    box = Mailbox()
    with smtp(box, tls=context, implicit=security == "ssl", login=("kpis", PASSWORD)) as port:
        given = settings(smtp_port=port, smtp_security=security, smtp_user="kpis", smtp_password=SecretStr(PASSWORD))
        with pytest.raises(NotSent, match="its certificate is not trusted"):
            deliver(folder, given, pause=Pauses())
        assert not box.mails
        deliver(folder, given.model_copy(update={"smtp_ca_file": shown}))
    assert len(box.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "ssl"])
@pytest.mark.parametrize(
    ("host", "days", "why"), [("192.0.2.1", 1, "not valid for '127.0.0.1'"), (HOST, -1, "certificate has expired")]
)
def test_a_certificate_that_is_not_the_servers_is_a_failed_send(
    folder: Path, tmp_path: Path, security: str, host: str, days: int, why: str
) -> None:
    """Though who signed it is trusted. It is not tried again, and neither mail nor password leave."""
    shown, context = certificate(tmp_path, host, days)
    box, pauses = Mailbox(), Pauses()
    with smtp(box, tls=context, implicit=security == "ssl", login=("kpis", PASSWORD)) as port:
        given = settings(smtp_port=port, smtp_security=security, smtp_user="kpis", smtp_password=SecretStr(PASSWORD))
        with pytest.raises(NotSent, match="its certificate is not trusted") as caught:
            deliver(folder, given.model_copy(update={"smtp_ca_file": shown}), pause=pauses)
    assert why in str(caught.value)
    assert (pauses, box.mails, deliveries(folder)[-1]["attempts"]) == ([], [], 1)


def test_no_tls_no_mail(folder: Path) -> None:
    """A server that does not offer STARTTLS gets neither password nor mail."""
    box = Mailbox()
    with smtp(box) as port, pytest.raises(NotSent, match="STARTTLS"):
        deliver(folder, settings(smtp_port=port, smtp_security="starttls"), pause=Pauses())
    assert not box.mails


def test_no_secret_in_any_trace(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A wrong password and a webhook that refuses: the faults are told, the secrets are not."""
    shown, context = certificate(tmp_path)
    caplog.set_level(logging.DEBUG)
    said = ""
    with smtp(Mailbox(), tls=context, login=("kpis", "another")) as port, webhook(Webhook(403, 200)) as url:
        given = settings(
            smtp_port=port, smtp_security="starttls", smtp_ca_file=shown, smtp_user="kpis",
            smtp_password=SecretStr(PASSWORD), webhook_url=SecretStr(url),
        )  # fmt: skip
        with pytest.raises(NotSent, match="refused the login") as caught:
            deliver(folder, given, pause=Pauses())
        error: BaseException | None = caught.value
        while error is not None:
            said += repr(error) + str(error)
            error = error.__cause__ or error.__context__
        said += repr(given) + given.model_dump_json()
    out = capfd.readouterr()
    traces = [said, out.out, out.err, caplog.text, *(path.read_text("latin-1") for path in folder.iterdir())]
    for trace in traces:
        assert PASSWORD not in trace
        assert "hook-token" not in trace
    assert "the webhook answered 403" in said


@pytest.mark.parametrize(
    "address",
    ["a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com", "A <a@example.com>", "nobody", "a@b\n"],
)
@pytest.mark.parametrize("field", ["mail_to", "mail_from"])
def test_an_address_is_one_address(field: str, address: str) -> None:
    with pytest.raises(ValidationError, match="expected a mail address"):
        settings(**{field: [address] if field == "mail_to" else address})


def test_a_subject_cannot_end_its_header(folder: Path) -> None:
    from dataclasses import replace

    from flows.delivery import _mail
    from transforms.leadership.mail import render_message

    receipt, parts = read_parts(folder)
    message = render_message(json.loads(parts["kpis.json"]))
    with pytest.raises(ValueError, match=r"linefeed|newline"):
        _mail(replace(message, subject="Hello\r\nBcc: b@example.com"), settings(), receipt, [], parts)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mail_to": TO, "smtp_host": None}, "mail_to needs smtp_host"),
        ({"smtp_user": "kpis"}, "go together"),
        ({"smtp_user": "kpis", "smtp_password": SecretStr(PASSWORD)}, "not sent in the clear"),
        ({"webhook_url": SecretStr(f"ftp://x/{PASSWORD}")}, "no https:// address"),
    ],
)
def test_settings_that_do_not_fit_are_refused_without_their_values(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        settings(**given)
    assert PASSWORD not in "".join(str(error["msg"]) for error in caught.value.errors(include_input=False))


@pytest.mark.parametrize("name", ["smtp_password", "webhook_url", "hash_key"])
def test_a_secret_in_the_settings_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / "experience-kpis.toml"
    path.write_text(f'{name} = "{PASSWORD}"\n')
    monkeypatch.setenv("EXPERIENCE_KPIS_CONFIG", str(path))
    with pytest.raises(ValueError, match=f"{name} does not belong in a file") as caught:
        load()
    assert PASSWORD not in str(caught.value)
