"""The two ways out: SMTP and a webhook. A fault says whether trying again can help, and never holds a secret."""

from __future__ import annotations

import contextlib
import json
import smtplib
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.settings import Settings

DELAYS = (2.0, 10.0, 30.0)  # seconds before the second, third and last attempt
TIMEOUT = 30  # seconds for each answer
LONGEST_ANSWER = 160  # characters of what a server said
Pause = Callable[[float], None]


class Temporary(Exception):
    """It did not work now; it may in a moment."""


class Permanent(Exception):
    """It will not work until somebody changes something."""


@dataclass
class Outcome:
    """Who has it, who was refused and why, and what went wrong as a whole ('' for nothing)."""

    accepted: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    attempts: int = 0

    @property
    def is_complete(self) -> bool:
        """Everybody has it."""
        return not (self.refused or self.fault)


def send_mail(settings: Settings, mail: EmailMessage, recipients: Iterable[str], pause: Pause = time.sleep) -> Outcome:
    """Hand the mail to the server for each recipient; those refused for now (4xx) are tried again, with growing pauses.

    A server takes so many recipients of one mail, often 100, and refuses the rest for now: while some are taken, the
    others are handed over at once, which counts as no further try.
    """
    outcome, pending, delays = Outcome(), list(dict.fromkeys(recipients)), iter((*DELAYS, None))
    refused: dict[str, tuple[int, bytes]] = {}
    while pending:
        outcome.attempts += 1
        outcome.fault = ""
        waiting = len(pending)
        try:
            refused = _hand_over(settings, mail, pending)
        except Temporary as error:
            outcome.fault = str(error)
            refused = {}
        except Permanent as error:
            outcome.fault = str(error)
            return outcome
        else:
            outcome.accepted += [address for address in pending if address not in refused]
            outcome.refused |= {
                address: _answer(code, text) for address, (code, text) in refused.items() if code >= 500
            }
            pending = [address for address, (code, _) in refused.items() if code < 500]
            if len(refused) < waiting:
                continue
        if pending:
            delay = next(delays)
            if delay is None:
                break
            pause(delay)
    outcome.refused |= {address: _answer(*refused[address]) for address in pending if address in refused}
    return outcome


def _hand_over(settings: Settings, mail: EmailMessage, recipients: list[str]) -> dict[str, tuple[int, bytes]]:
    """One conversation with the server; answers the recipients it refused. Raises Temporary or Permanent."""
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        server = _connect(settings)
        try:
            if settings.smtp_password is not None and settings.smtp_user is not None:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            return server.send_message(mail, settings.mail_from, recipients)
        finally:
            _leave(server)
    except smtplib.SMTPRecipientsRefused as error:
        return error.recipients
    except smtplib.SMTPAuthenticationError as error:
        raise _fault(error.smtp_code, f"{where} refused the login ({error.smtp_code})") from None
    except smtplib.SMTPResponseException as error:
        raise _fault(error.smtp_code, f"{where}: {_answer(error.smtp_code, error.smtp_error)}") from None
    except smtplib.SMTPServerDisconnected:
        raise Temporary(f"{where} closed the connection") from None
    except smtplib.SMTPNotSupportedError as error:
        raise Permanent(f"{where}: {error}") from None
    except ssl.SSLCertVerificationError as error:
        raise Permanent(f"{where}: its certificate is not trusted ({error.verify_message}); see smtp_ca_file") from None
    except ssl.SSLError as error:
        raise Permanent(f"{where}: no secure connection ({error.reason}); see smtp_security and smtp_port") from None
    except socket.gaierror:
        raise Temporary(f"{where}: no such host is known") from None
    except OSError as error:
        raise Temporary(f"{where}: {error.strerror or type(error).__name__}") from None


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye. What a server answers to that changes nothing: the mail is taken, or the fault is known already."""
    with contextlib.suppress(smtplib.SMTPException, OSError):
        server.quit()
    server.close()


def _connect(settings: Settings) -> smtplib.SMTP:
    host = settings.smtp_host or ""
    context = ssl.create_default_context()
    if settings.smtp_ca_file is not None:
        context.load_verify_locations(settings.smtp_ca_file)
    if settings.smtp_security == "ssl":
        return smtplib.SMTP_SSL(host, settings.smtp_port, timeout=TIMEOUT, context=context)
    server = smtplib.SMTP(host, settings.smtp_port, timeout=TIMEOUT)
    if settings.smtp_security == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def post(url: str, text: str, pause: Pause = time.sleep) -> Outcome:
    """Post {"text": …} to a webhook. Its address is a secret: no fault holds it, and no redirect is followed with it."""
    outcome = Outcome()
    for delay in (*DELAYS, None):
        outcome.attempts += 1
        outcome.fault = ""
        try:
            _post_once(url, text)
            return outcome
        except Permanent as error:
            outcome.fault = str(error)
            return outcome
        except Temporary as error:
            outcome.fault = str(error)
        if delay is not None:
            pause(delay)
    return outcome


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Not followed: the answer is the redirect itself."""


def _post_once(url: str, text: str) -> None:
    body = json.dumps({"text": text}, ensure_ascii=False).encode()
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json; charset=utf-8"})
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT):
            return
    except urllib.error.HTTPError as error:
        error.close()
        kind = Temporary if error.code == 429 or error.code >= 500 else Permanent
        raise kind(f"the webhook answered {error.code}") from None
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise Permanent("the webhook's certificate is not trusted") from None
        said = reason.strerror if isinstance(reason, OSError) and reason.strerror else "no connection"
        raise Temporary(f"the webhook cannot be reached: {said}") from None
    except (OSError, ValueError) as error:  # a connection that breaks off, an address that is none
        kind = Temporary if isinstance(error, OSError) else Permanent
        raise kind(f"the webhook cannot be reached: {type(error).__name__}") from None


def _fault(code: int, message: str) -> Temporary | Permanent:
    return Temporary(message) if 400 <= code < 500 else Permanent(message)


def _answer(code: int, text: bytes | str) -> str:
    """What a server said, as one printable line."""
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {''.join(c if c.isprintable() else ' ' for c in said)}"[:LONGEST_ANSWER]
