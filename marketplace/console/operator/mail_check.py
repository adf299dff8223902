"""Sends one mail to an operator through the configured backend, and tells what the mail server said."""

import smtplib
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend

from marketplace.core import brand, limits
from marketplace.core.templatetags.ui import utc

#: per operator; enough to find a fault, too little to annoy a mailbox
MAILS, WINDOW_S = 10, 3_600
TIMEOUT_S = 10


@dataclass(frozen=True)
class MailAnswer:
    """Whether the mail was taken, and what the server answered or what went wrong."""

    is_sent: bool
    answer: str


def send_test_mail(*, address: str, user_id: int, at: datetime) -> MailAnswer:
    """Send a test mail to an operator's own address. A refusal of the server is an answer, not an error.

    Raises TooManyRequests beyond MAILS in an hour.
    """
    limits.count(f"mail-test:{user_id}", most=MAILS, window_s=WINDOW_S)
    name = brand.current().name
    message = EmailMessage(
        subject=f"{name}: test of e-mail",
        body=f"This is the test mail that you asked {name} for, sent on {utc(at)}.\n\n{settings.PUBLIC_URL}/operate/health\n",
        from_email=brand.sender(),
        to=[address],
        headers={"Auto-Submitted": "auto-generated"},
    )
    backend = get_connection(timeout=TIMEOUT_S)
    try:
        if isinstance(backend, SmtpBackend):
            return MailAnswer(True, _converse(backend, message))
        backend.send_messages([message])
    except smtplib.SMTPResponseException as error:
        return MailAnswer(False, f"{error.smtp_code} {_words(error.smtp_error)}")
    except (smtplib.SMTPException, OSError) as error:
        return MailAnswer(False, f"{settings.EMAIL_HOST}: {error or type(error).__name__}")
    return MailAnswer(True, "Written to the log of this process: no mail server is configured (EMAIL_HOST).")


def _converse(backend: SmtpBackend, message: EmailMessage) -> str:
    """Hand a mail over step by step and return the server's last answer, which Django keeps to itself."""
    backend.open()
    server = backend.connection
    if server is None:
        raise smtplib.SMTPServerDisconnected("The mail server did not open a connection.")
    try:
        server.ehlo_or_helo_if_needed()
        _expect(server.mail(parseaddr(message.from_email)[1]))
        _expect(server.rcpt(message.to[0]))
        return _expect(server.data(message.message().as_bytes(linesep="\r\n")))  # type: ignore[call-arg]
    finally:
        backend.close()


def _expect(answer: tuple[int, bytes]) -> str:
    code, text = answer
    if code >= 300:
        raise smtplib.SMTPResponseException(code, text)
    return f"{code} {_words(text)}"


def _words(text: bytes | str) -> str:
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(shown.split())[:300]
