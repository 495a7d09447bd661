"""Real servers on this machine: SMTP with all that can go wrong, and a webhook that answers what it is told."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

HOST = "127.0.0.1"


class Mailbox:
    """What an SMTP server took in, and how it behaves."""

    def __init__(
        self, refuse: dict[str, str] | None = None, drops: int = 0, busy: int = 0, most: int = 10_000, goodbye: str = ""
    ) -> None:
        self.refuse, self.drops, self.busy, self.most, self.goodbye = refuse or {}, drops, busy, most, goodbye
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.conversations = 0

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]) -> Any:
        self.conversations += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refuse:
            return self.refuse[address]
        if len(envelope.rcpt_tos) >= self.most:
            return "452 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.drops:
            self.drops -= 1
            server.transport.close()
            return "250 nobody hears this"
        if self.busy:
            self.busy -= 1
            return "451 come back later"
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((list(envelope.rcpt_tos), mail))
        return "250 taken"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        return self.goodbye or "221 bye"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def smtp(
    mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, implicit: bool = False, login: tuple[str, str] | None = None
) -> Iterator[int]:
    """A server at 127.0.0.1; its port. `implicit`: TLS from the first byte, else STARTTLS is required with `tls`."""

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == login, handled=False)

    options: dict[str, Any] = {"tls_context": tls, "require_starttls": True} if tls and not implicit else {}
    if implicit:
        options = {"ssl_context": tls}
    if login:
        options |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": not implicit}
    controller = Controller(mailbox, hostname=HOST, port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@contextmanager
def smtp_that_hangs_up(in_bytes: int) -> Iterator[tuple[int, list[bytes]]]:
    """A server that breaks off after so many bytes of the mail itself, every time; its port, and what it has of each mail."""
    heard: list[bytes] = []

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                if line[:4].upper() == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    heard.append(self.rfile.read(in_bytes))
                    # Not a goodbye but a reset, as of a machine that went down.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                self.wfile.write(b"250 OK\r\n")

    with socketserver.ThreadingTCPServer((HOST, 0), Conversation) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield int(server.server_address[1]), heard
        finally:
            server.shutdown()
            thread.join()


def certificate(folder: Path, host: str = HOST, days: int = 1) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for a host that ends in so many days, and the context of a server that shows it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown, private = folder / "server.pem", folder / "server.key"
    shown.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, private)
    return shown, context


class Webhook:
    """What a webhook was sent; it answers the codes of `answers` one after another, then 200."""

    def __init__(self, *answers: int) -> None:
        self.answers, self.texts, self.paths = list(answers), [], []  # type: ignore[var-annotated]


@contextmanager
def webhook(hook: Webhook) -> Iterator[str]:
    """A server at 127.0.0.1; the address of its hook."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.paths.append(self.path)
            code = hook.answers.pop(0) if hook.answers else 200
            if code == 200:
                hook.texts.append(json.loads(body)["text"])
            self.send_response(code)
            if code in (301, 302, 307):
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}/services/T0/B0/hook-token-9f3a"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
