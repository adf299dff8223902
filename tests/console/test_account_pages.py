"""Pages about oneself: profile, sessions, second factor and when it is required."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from marketplace.console import sessions
from marketplace.core.models import RateCounter, Role
from tests.console.pages import member_with, sign_in

pytestmark = pytest.mark.django_db
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PASSWORD = "correct horse battery"


def code(seed: str = SEED) -> str:
    """Return what an authenticator app shows now."""
    return format_hotp_value(hotp_value(seed, next(iter(yield_hotp_counters_from_time()))))


@pytest.fixture
def with_app(publisher):
    """The publisher with a password and an authenticator app."""
    publisher.user.set_password(PASSWORD)
    publisher.user.save()
    TOTP.activate(publisher.user, SEED)
    return publisher


def note_session(client: Client, member, agent: str = WINDOWS, ip: str = "192.0.2.9") -> UserSession:
    """Write down the session of a client, as signing in by the form does."""
    sign_in(client, member)
    key = client.session.session_key
    return UserSession.objects.create(user=member.user, ip=ip, user_agent=agent, session_key=key)


def give_password(client) -> str:
    member = {"login": "", "password": PASSWORD}
    return client.post("/accounts/login/", member | {"login": client.member.user.email}).url


# --- profile ---------------------------------------------------------------------------------------------------------
def test_the_profile_is_saved(client, publisher):
    sign_in(client, publisher)
    assert client.post("/account", {"name": " Ada  Byron "}).url == "/account"
    publisher.user.refresh_from_db()
    assert (publisher.user.name, publisher.user.uses_shortcuts) == ("Ada Byron", False)
    page = client.get("/account").content.decode()
    assert "data-no-shortcuts" in page
    client.post("/account", {"name": "Ada", "uses_shortcuts": "on"})
    assert "data-no-shortcuts" not in client.get("/account").content.decode()
    answer = client.post("/account", {"name": ""})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["name"]


@pytest.mark.parametrize(
    "path", ["/account", "/account/sessions", "/accounts/2fa/", "/accounts/email/", "/accounts/password/change/"]
)
def test_a_page_about_oneself_runs_few_queries(client, publisher, django_assert_max_num_queries, path):
    publisher.user.set_password(PASSWORD)
    publisher.user.save()
    sign_in(client, publisher, confirmed=True)
    for n in range(50):
        key = f"key-{n}"
        Session.objects.create(session_key=key, session_data="x", expire_date=timezone.now() + timedelta(days=1))
        UserSession.objects.create(user=publisher.user, ip="192.0.2.1", user_agent=WINDOWS, session_key=key)
    with django_assert_max_num_queries(15):
        assert client.get(path).status_code == 200


# --- sessions --------------------------------------------------------------------------------------------------------
def test_sessions_are_listed_and_ended_one_by_one(client, publisher, stranger):
    note_session(client, publisher, agent="", ip="0.0.0.0")
    other = Client()
    note_session(other, publisher)
    theirs = note_session(Client(), stranger)
    found = client.get("/account/sessions").context["sessions"]
    assert [(s.device, s.is_current) for s in found] == [("Unknown browser", True), ("Firefox on Windows", False)]
    assert [s.address for s in found] == ["", "192.0.2.9"]
    assert client.post(f"/account/sessions/{theirs.pk}/end").status_code == 404
    assert UserSession.objects.filter(pk=theirs.pk).exists()
    assert client.post(f"/account/sessions/{found[1].id}/end").url == "/account/sessions"
    assert other.get("/account").status_code == 302
    assert client.get("/account").status_code == 200


def test_ending_the_own_session_signs_out(client, publisher):
    note_session(client, publisher)
    (mine,) = client.get("/account/sessions").context["sessions"]
    assert client.post(f"/account/sessions/{mine.id}/end").url == "/"
    assert client.get("/account").status_code == 302


def test_all_others_are_ended_at_once(client, publisher, stranger):
    others, outsider = [Client() for _ in range(3)], Client()
    for other in others:
        note_session(other, publisher)
    note_session(outsider, stranger)
    note_session(client, publisher)
    assert "Signed out in 3 other places" in client.post("/account/sessions/end", follow=True).content.decode()
    assert [c.get("/account").status_code for c in others] == [302] * 3
    assert outsider.get("/account").status_code == client.get("/account").status_code == 200


def test_a_new_password_signs_out_everywhere_else(client, with_app):
    other = Client()
    note_session(other, with_app)
    sign_in(client, with_app, confirmed=True)
    new = "another horse battery"
    answer = client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert answer.status_code == 302
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 302
    assert Session.objects.count() == UserSession.objects.count() == 1


def test_when_a_session_was_seen_is_written_down_once_in_a_while(client, publisher, monkeypatch, rf):
    note_session(client, publisher, agent="", ip="192.0.2.1")
    UserSession.objects.update(last_seen_at=timezone.now() - timedelta(days=1))
    request = rf.get("/", HTTP_USER_AGENT=WINDOWS, REMOTE_ADDR="192.0.2.33")
    request.session, request.user = client.session, publisher.user
    middleware = sessions.SessionsMiddleware(lambda _: None)
    middleware(request)
    assert UserSession.objects.get().last_seen_at < timezone.now() - timedelta(hours=1)
    middleware._seen = {key: at - sessions.SEEN_EVERY_S for key, at in middleware._seen.items()}
    middleware(request)
    row = UserSession.objects.get()
    assert (row.ip, row.user_agent) == ("192.0.2.33", WINDOWS)
    assert row.last_seen_at > timezone.now() - timedelta(hours=1)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (WINDOWS, "Firefox on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) AppleWebKit/605 Version/18.0 Safari/605", "Safari on macOS"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537 Chrome/140.0 Mobile Safari/537", "Chrome on Android"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537 Edg/140.0", "Edge on Windows"),
        ("curl/8.5", "curl"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_said_in_words(agent, words):
    assert sessions.device_of(agent) == words


# --- second factor ---------------------------------------------------------------------------------------------------
def test_an_app_is_set_up_and_its_seed_is_sealed(client, publisher, settings):
    settings.MFA_TOTP_TOLERANCE = 1
    sign_in(client, publisher, confirmed=True)
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    seed = re.search(r'class="secret".*?<span>([A-Z2-7]+)</span>', page, re.S).group(1)
    answer = client.post("/accounts/2fa/totp/activate/", {"code": code(seed)})
    assert answer.url == "/accounts/2fa/recovery-codes/"
    kept = {row.type: row.data for row in Authenticator.objects.filter(user=publisher.user)}
    assert set(kept) == {"totp", "recovery_codes"}
    assert kept["totp"]["secret"].startswith("sealed.")
    assert kept["recovery_codes"]["seed"].startswith("sealed.")
    assert seed not in str(kept)
    shown = client.get("/accounts/2fa/recovery-codes/").content.decode()
    assert len(re.findall(r"<li>\d{8}</li>", shown)) == 10
    assert Authenticator.objects.get(type="totp").wrap().validate_code(code(seed))


def test_a_seed_from_before_sealing_still_works(with_app):
    row = Authenticator.objects.get(type="totp")
    row.data = {"secret": SEED}
    row.save()
    assert row.wrap().validate_code(code())


def test_signing_in_asks_for_the_code(client, with_app, settings):
    settings.MFA_TOTP_TOLERANCE = 1
    client.member = with_app
    assert give_password(client) == "/accounts/2fa/authenticate/"
    assert client.get("/account").status_code == 302
    assert client.post("/accounts/2fa/authenticate/", {"code": code()}).url == "/home"
    assert client.get("/account").status_code == 200
    assert not RateCounter.objects.filter(key__startswith="mfa:").exists()


def test_five_wrong_codes_shut_the_second_factor_also_for_the_right_one(client, with_app, settings):
    settings.MFA_TOTP_TOLERANCE = 1
    client.member = with_app
    give_password(client)
    for _ in range(5):
        page = client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode()
        assert "Incorrect code" in page
    page = client.post("/accounts/2fa/authenticate/", {"code": code()}).content.decode()
    assert "Too many codes were tried. Try again in 5 minutes." in page
    assert client.get("/account").status_code == 302


def test_fifty_wrong_codes_in_a_day_shut_it_for_the_day(client, with_app, settings):
    settings.MFA_TOTP_TOLERANCE = 1
    client.member = with_app
    key = f"mfa:86400:{with_app.user_id}"
    RateCounter.objects.create(key=key, window_until=timezone.now() + timedelta(hours=20), count=50)
    give_password(client)
    page = client.post("/accounts/2fa/authenticate/", {"code": code()}).content.decode()
    assert "Too many codes were tried" in page
    assert client.get("/account").status_code == 302


# --- where it is required --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("required", [True, False])
def test_roles_that_can_do_harm_are_led_to_set_it_up(client, settings, role, required):
    settings.REQUIRE_MFA = required
    sign_in(client, member_with(Role(role)))
    answer = client.get("/my-data")
    if required and role in {"owner", "admin", "publisher", "billing"}:
        assert answer.url == "/accounts/2fa/"
        assert "Set up a second factor first" in client.get("/accounts/2fa/").content.decode()
    else:
        assert answer.status_code == 200


def test_an_operator_needs_it_whatever_the_role(client, settings):
    settings.REQUIRE_MFA = True
    member = member_with(Role.VIEWER)
    member.user.is_staff = True
    member.user.save()
    assert sign_in(client, member).get("/my-data").url == "/accounts/2fa/"


def test_who_has_it_passes_and_recovery_codes_alone_do_not_count(client, settings, publisher):
    settings.REQUIRE_MFA = True
    sign_in(client, publisher)
    row = Authenticator.objects.create(user=publisher.user, type="recovery_codes", data={"seed": "x"})
    assert client.get("/my-data").status_code == 302
    row.delete()
    TOTP.activate(publisher.user, SEED)
    assert client.get("/my-data").status_code == 200


def test_public_pages_and_the_own_account_stay_open(client, settings, publisher):
    settings.REQUIRE_MFA = True
    sign_in(client, publisher)
    for path in ("/", "/catalogue", "/account", "/account/sessions", "/accounts/2fa/", "/home"):
        assert client.get(path).status_code == 200, path
