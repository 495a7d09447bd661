"""A word to the people on duty: when a night fails, when it withholds, when files are refused. By webhook and by mail.

What is said holds reasons, KPIs and file names; never rows, customers or secrets. A channel that fails is said on
stderr and fails nothing else.
"""

from __future__ import annotations

import json
import smtplib
import ssl
import sys
import urllib.request
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Any

from flows.settings import Settings, load

TIMEOUT_SECONDS = 20
LINES = 40
FAILED = {
    "nightly": "the night failed, readers keep the last version",
    "weekly": "the weekly file failed, or did not reach everybody",
    "backfill": "the backfill failed, readers keep the last version",
}


def notify(settings: Settings, subject: str, lines: Sequence[str]) -> list[str]:
    """Send a notice by every channel that is set; answers the names of those that took it."""
    said = [*lines[:LINES], *([f"and {len(lines) - LINES} more"] if len(lines) > LINES else [])]
    taken = []
    for name, send, is_set in (
        ("webhook", _post, settings.notify_webhook_url is not None),
        ("mail", _mail, bool(settings.notify_mail_to)),
    ):
        if is_set:
            try:
                send(settings, subject, said)
                taken.append(name)
            except (OSError, smtplib.SMTPException, ValueError) as error:
                # Of the error only its kind: its text can hold the address, which is a secret.
                print(f"notice not sent by {name}: {type(error).__name__}", file=sys.stderr)
    return taken


def tell_failure(flow: Any, flow_run: Any, state: Any) -> None:
    """State hook of the flows: a run that failed or crashed."""
    reason = " ".join(str(state.message or "no reason was given").split())[:1000]
    settings = load(**{name: flow_run.parameters.get(name) for name in ("landing", "out", "mapping", "memory")})
    notify(settings, f"experience-kpis: {FAILED[flow.name]}", [reason])


def _post(settings: Settings, subject: str, lines: Sequence[str]) -> None:
    """As the chat programs take it: one JSON object whose `text` is shown."""
    assert settings.notify_webhook_url is not None
    request = urllib.request.Request(
        settings.notify_webhook_url.get_secret_value(),
        data=json.dumps({"text": "\n".join([subject, *lines])}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
        pass


def _mail(settings: Settings, subject: str, lines: Sequence[str]) -> None:
    message = EmailMessage()
    message["Subject"] = " ".join(subject.split())
    message["From"], message["To"] = settings.mail_from, ", ".join(settings.notify_mail_to)
    message.set_content("\n".join(lines) or subject)
    context = ssl.create_default_context(cafile=str(settings.smtp_ca_file) if settings.smtp_ca_file else None)
    is_ssl = settings.smtp_security == "ssl"
    host, port = settings.smtp_host or "", settings.smtp_port
    with (
        smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
        if is_ssl
        else smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    ) as server:
        if settings.smtp_security == "starttls":
            server.starttls(context=context)
        if settings.smtp_user and settings.smtp_password:
            server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        server.send_message(message)
