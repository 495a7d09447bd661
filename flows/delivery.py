"""Sending a weekly file that has been written: whole, once, and with a receipt of who has it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from flows.channels import Outcome, Pause, post, send_mail
from flows.settings import Settings
from transforms.leadership.files import File, MissingPart, Receipt, note_delivery, read_parts
from transforms.leadership.mail import ATTACHED, Message, attached_as, render_message

TYPES = {".pdf": ("application", "pdf"),
         ".xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")}  # fmt: skip
MAIL, WEBHOOK = "mail", "webhook"


class NotSent(Exception):
    """The weekly file is written, but not everybody has it; the message says who and why, line by line."""


def require_channel(settings: Settings) -> None:
    """Raises ValueError where there is nobody to send to, or nothing that may be sent."""
    if settings.audience != "leadership":
        raise ValueError("a file for analysts is not sent: its audience is who can read the folder")
    if not settings.mail_to and settings.webhook_url is None:
        raise ValueError("nobody to send to: set mail_to, smtp_host and mail_from, or EXPERIENCE_KPIS_WEBHOOK_URL")


def deliver(folder: Path, settings: Settings, again: bool = False, pause: Pause = time.sleep) -> list[str]:
    """Send the file in `folder` through every channel that is set; answers one line per channel.

    Who has this very file already (same hashes in the receipt) is passed over, unless `again`. Raises NotSent when a
    part is missing or altered (then nothing has left) or when not everybody was reached.
    """
    require_channel(settings)
    try:
        receipt, parts = read_parts(folder)
        if receipt.audience != "leadership":
            raise MissingPart(f"{folder}: it is written for {receipt.audience}, expected leadership")
    except MissingPart as error:
        raise NotSent(f"nothing was sent: {error}") from error
    message = render_message(json.loads(parts["kpis.json"]), settings.weekly_url)
    files = [file for file in receipt.files if file.name in ATTACHED]
    before = [] if again else [entry for entry in receipt.deliveries if entry["files"] == _told(files)]
    lines: list[str] = []
    faults: list[str] = []
    if settings.mail_to:
        mail = _mail(message, settings, receipt, files, parts)
        line, fault = _by_mail(folder, settings, mail, files, before, pause)
        (faults if fault else lines).append(line)
    if settings.webhook_url is not None:
        line, fault = _by_webhook(folder, settings.webhook_url.get_secret_value(), message, files, before, pause)
        (faults if fault else lines).append(line)
    if faults:
        raise NotSent("\n".join([*faults, *lines]))
    return lines


def _by_mail(
    folder: Path, settings: Settings, mail: EmailMessage, files: Sequence[File], before: list[Any], pause: Pause
) -> tuple[str, bool]:
    """The line that says how it went, and whether that is a fault."""
    sent = {address: entry["at"] for entry in before if entry["channel"] == MAIL for address in entry["accepted"]}
    pending = [address for address in settings.mail_to if address not in sent]
    if not pending:
        return (
            f"mail: already sent to {', '.join(settings.mail_to)} at {max(sent.values())}; --again sends it again",
            False,
        )
    outcome = send_mail(settings, mail, pending, pause)
    _note(folder, MAIL, outcome, files, {"recipients": settings.mail_to, "message_id": mail["Message-ID"]})
    if outcome.is_complete:
        return f"mail: sent to {', '.join(outcome.accepted)}", False
    refused = [f"{address} ({why})" for address, why in outcome.refused.items()]
    missing = [address for address in pending if address not in outcome.accepted and address not in outcome.refused]
    told = [*refused, *([f"{', '.join(missing)} ({outcome.fault})"] if missing else [])]
    has = f"; sent to {', '.join(outcome.accepted)}" if outcome.accepted else ""
    return f"mail: not sent to {'; '.join(told)}{has}", True


def _by_webhook(
    folder: Path, url: str, message: Message, files: Sequence[File], before: list[Any], pause: Pause
) -> tuple[str, bool]:
    sent = [entry["at"] for entry in before if entry["channel"] == WEBHOOK and entry["outcome"] == "sent"]
    if sent:
        return f"webhook: already sent at {max(sent)}; --again sends it again", False
    outcome = post(url, message.chat, pause)
    _note(folder, WEBHOOK, outcome, files, {})
    return ("webhook: sent", False) if outcome.is_complete else (f"webhook: not sent, {outcome.fault}", True)


def _note(folder: Path, channel: str, outcome: Outcome, files: Sequence[File], more: dict[str, Any]) -> None:
    entry = {
        "channel": channel,
        "outcome": "sent" if outcome.is_complete else "sent in part" if outcome.accepted else "failed",
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "attempts": outcome.attempts,
        "files": _told(files),
    }
    told = {"accepted": outcome.accepted, "refused": outcome.refused} if channel == MAIL else {}
    note_delivery(folder, entry | more | told | {"fault": outcome.fault or None})


def _told(files: Sequence[File]) -> list[dict[str, Any]]:
    return [{"name": file.name, "bytes": file.bytes, "sha256": file.sha256} for file in files]


def _mail(
    message: Message, settings: Settings, receipt: Receipt, files: Sequence[File], parts: dict[str, bytes]
) -> EmailMessage:
    """The mail with its attachments. Its id follows from what is sent, so that a mail program sees a repeat as one."""
    mail = EmailMessage()
    mail["Subject"] = message.subject
    mail["From"] = settings.mail_from
    mail["To"] = ", ".join(settings.mail_to)
    mail["Date"] = datetime.now(UTC)
    mail["Auto-Submitted"] = "auto-generated"
    turn = sum(entry["channel"] == MAIL and entry["outcome"] == "sent" for entry in receipt.deliveries)
    digest = "".join(file.sha256[:12] for file in files)
    mail["Message-ID"] = f"<{receipt.week}.{digest}.{turn}@{str(settings.mail_from).rpartition('@')[2]}>"
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    for file in files:
        main, sub = TYPES[Path(file.name).suffix]
        name = attached_as(receipt.week, file.name)
        mail.add_attachment(parts[file.name], maintype=main, subtype=sub, filename=name)
    return mail
