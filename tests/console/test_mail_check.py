"""The test mail: what the mail server says is what the operator reads."""

import pytest
from django.utils import timezone

from marketplace.console.operator.mail_check import send_test_mail
from marketplace.core import brand
from tests.mailbox import mail_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def smtp(settings):
    """The backend of an installation with a mail server."""
    brand.forget()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    return settings


def send(number=1):
    """Send a test mail as the operator of a number."""
    return send_test_mail(address="operator@example.org", user_id=number, at=timezone.now())


def test_the_answer_of_the_server_is_shown_and_the_mail_arrives(smtp):
    with mail_server() as server:
        smtp.EMAIL_PORT = server.port
        answer = send()
    assert (answer.is_sent, answer.answer) == (True, "250 taken")
    ((sender, recipients, message),) = server.received
    assert (sender, recipients) == ("no-reply@localhost", ["operator@example.org"])
    assert (message["Subject"], message["From"]) == ("Entrepot: test of e-mail", "Entrepot <no-reply@localhost>")


def test_a_refusal_is_shown_with_its_code(smtp):
    with mail_server("550 no such user here") as server:
        smtp.EMAIL_PORT = server.port
        answer = send(2)
    assert (answer.is_sent, answer.answer) == (False, "550 no such user here")
    assert server.received == []


def test_a_server_that_is_not_there_is_named(smtp):
    with mail_server() as server:
        smtp.EMAIL_PORT = server.port
    answer = send(3)
    assert not answer.is_sent
    assert answer.answer.startswith("127.0.0.1: ")
    assert "refused" in answer.answer.lower()


def test_without_a_mail_server_it_goes_to_the_log(settings, capsys):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    answer = send(4)
    assert answer.is_sent
    assert "no mail server is configured" in answer.answer
    assert "To: operator@example.org" in capsys.readouterr().out
