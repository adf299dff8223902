"""Pages of tokens and access keys."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from marketplace.core.models import AccessKey, ApiToken, Role
from marketplace.core.operations.credentials import create_access_key, create_api_token
from marketplace.core.queries.credentials import get_api_token
from tests.conftest import actor_of
from tests.console.pages import let_confirmation_lapse, member_with, sign_in

TOKEN = {"name": "Notebook", "scopes": ["data:read"], "days": "30"}


@pytest.fixture
def token(subscriber):
    """A token of the subscriber and its text."""
    return create_api_token(
        membership=subscriber,
        name="Loader",
        wanted_scopes=["data:read"],
        actor=actor_of(subscriber),
        at=timezone.now(),
    )


@pytest.fixture
def access_key(subscriber):
    """An access key of the subscriber and its secret."""
    return create_access_key(membership=subscriber, name="ETL", actor=actor_of(subscriber), at=timezone.now())


def test_a_token_is_shown_once_and_works(client, subscriber):
    sign_in(client, subscriber, confirmed=True)
    answer = client.post("/keys/tokens/new", TOKEN)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    text = re.search(r"entt_[0-9A-Za-z]{38}", answer.content.decode()).group(0)
    made = get_api_token(text, timezone.now())
    assert (made.name, made.scopes) == ("Notebook", ["data:read"])
    assert timedelta(days=29, hours=23) < made.expires_at - timezone.now() <= timedelta(days=30)
    assert text not in client.get("/keys").content.decode()


def test_an_access_key_is_shown_once(client, subscriber):
    sign_in(client, subscriber, confirmed=True)
    answer = client.post("/keys/access-keys/new", {"name": "ETL"})
    assert "no-store" in answer.headers["Cache-Control"]
    made = AccessKey.objects.get()
    page = answer.content.decode()
    assert f"AWS_ACCESS_KEY_ID={made.access_key_id}" in page
    secret = answer.context["secret"]
    assert len(secret) == 40
    assert secret in page
    assert secret not in client.get("/keys").content.decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"days": "367"}, "days"),
        ({"days": "0"}, "days"),
    ],
)
def test_a_token_that_cannot_be_is_refused_with_its_input_kept(client, subscriber, change, field):
    answer = sign_in(client, subscriber, confirmed=True).post("/keys/tokens/new", TOKEN | change)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    if field != "name":
        assert 'value="Notebook"' in answer.content.decode()
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("path", ["/keys/tokens/new", "/keys/access-keys/new"])
def test_a_form_asks_for_the_password_first(client, subscriber, path):
    answer = sign_in(client, subscriber).get(path)
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/reauthenticate/?next=%2Fkeys%2F")


def test_a_late_form_makes_no_token_and_comes_back_filled(client, subscriber):
    sign_in(client, subscriber, confirmed=True)
    let_confirmation_lapse(client)
    answer = client.post("/keys/tokens/new", TOKEN | {"scopes": ["data:read", "catalogue:read"]})
    assert answer.status_code == 302
    assert not ApiToken.objects.exists()
    sign_in(client, subscriber, confirmed=True)
    page = client.get("/keys/tokens/new?name=Notebook&scopes=data%3Aread&scopes=catalogue%3Aread&days=30")
    form = page.context["form"]
    assert (form["name"].value(), form["days"].value()) == ("Notebook", "30")
    assert page.content.decode().count("checked") == 2


def test_the_list_shows_hints_and_no_secret(client, subscriber, token, access_key):
    page = sign_in(client, subscriber).get("/keys").content.decode()
    made, text = token
    key, secret = access_key
    assert made.hint in page
    assert text not in page
    assert key.access_key_id in page
    assert secret not in page


def test_the_list_marks_what_has_expired(client, subscriber, token):
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert "Expired" in sign_in(client, subscriber).get("/keys").content.decode()


def test_revoking_needs_no_password_and_ends_both_kinds(client, subscriber, token, access_key):
    sign_in(client, subscriber)
    assert client.post(f"/keys/tokens/{token[0].pk}/revoke").status_code == 302
    assert client.post(f"/keys/access-keys/{access_key[0].pk}/revoke").status_code == 302
    assert ApiToken.objects.get().revoked_at is not None
    assert AccessKey.objects.get().revoked_at is not None


def test_a_strangers_keys_are_not_found(client, stranger, token, access_key):
    sign_in(client, stranger)
    assert client.post(f"/keys/tokens/{token[0].pk}/revoke").status_code == 404
    assert client.post(f"/keys/access-keys/{access_key[0].pk}/revoke").status_code == 404
    assert "Loader" not in client.get("/keys").content.decode()
    assert ApiToken.objects.get().revoked_at is None
    assert AccessKey.objects.get().revoked_at is None


@pytest.mark.parametrize("role", [Role.PUBLISHER, Role.SUBSCRIBER, Role.BILLING, Role.VIEWER])
def test_who_may_not_hand_out_keys_is_refused(client, db, role):
    sign_in(client, member_with(role), confirmed=True)
    assert client.get("/keys").status_code == 403
    assert client.post("/keys/tokens/new", TOKEN).status_code == 403
    assert client.post("/keys/access-keys/new", {"name": "ETL"}).status_code == 403
    assert not ApiToken.objects.exists()
    assert not AccessKey.objects.exists()


def test_keys_ask_a_stranger_to_sign_in(client, db):
    assert client.get("/keys").url == "/accounts/login/?next=/keys"
