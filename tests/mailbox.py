"""A mail server of a few lines on a real socket: it keeps what it is handed, or answers as it is told."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer(socketserver.ThreadingTCPServer):
    """Listens on a free loopback port. recipient_answer: what it says to RCPT TO."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, recipient_answer: str = "250 ok") -> None:
        self.recipient_answer = recipient_answer
        self.received: list[tuple[str, list[str], EmailMessage]] = []
        super().__init__(("127.0.0.1", 0), _Conversation)

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return int(self.server_address[1])


class _Conversation(socketserver.StreamRequestHandler):
    """One SMTP session. Source: RFC 5321, section 4.1."""

    server: MailServer

    def handle(self) -> None:
        self.say("220 mail.example.org ready")
        sender, recipients = "", []
        while line := self.rfile.readline():
            command = line.decode().strip()
            word = command.upper()[:4]
            if word in {"EHLO", "HELO", "RSET", "NOOP"}:
                self.say("250 mail.example.org")
            elif word == "MAIL":
                sender, recipients = command.partition(":")[2].split()[0].strip("<>"), []
                self.say("250 ok")
            elif word == "RCPT":
                recipients.append(command.partition(":")[2].strip("<> "))
                self.say(self.server.recipient_answer)
            elif word == "DATA":
                self.say("354 go on")
                self.server.received.append((sender, recipients, self.read_message()))
                self.say("250 taken")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("502 not known here")

    def say(self, text: str) -> None:
        """Send one line of an answer."""
        self.wfile.write(f"{text}\r\n".encode())

    def read_message(self) -> EmailMessage:
        """Return what stands before the line with a single dot; a dot that was doubled for the way is one again."""
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b"..") else line)
        return message_from_bytes(b"".join(lines), policy=policy.default)


@contextmanager
def mail_server(recipient_answer: str = "250 ok") -> Iterator[MailServer]:
    """Run a mail server while the block runs."""
    server = MailServer(recipient_answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
