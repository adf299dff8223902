"""Pages that put a new token or access key in the place of another, and what the list says about both."""

import os
import re
from datetime import timedelta

import boto3
import pytest
from django.utils import timezone

from marketplace.console import snippets
from marketplace.core.models import AccessKey, ApiToken, Role
from marketplace.core.operations.credentials import create_access_key, create_api_token
from marketplace.core.queries.credentials import get_api_token
from tests.conftest import actor_of
from tests.console.pages import let_confirmation_lapse, member_with, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(subscriber):
    """A token of the subscriber that was made for 90 days."""
    made, _ = create_api_token(
        membership=subscriber, name="Loader", wanted_scopes=["data:read"], actor=actor_of(subscriber), at=timezone.now()
    )
    return made


@pytest.fixture
def access_key(subscriber):
    """An access key of the subscriber."""
    made, _ = create_access_key(membership=subscriber, name="ETL", actor=actor_of(subscriber), at=timezone.now())
    return made


def text_of(answer):
    """Return a page with its white space as people see it."""
    return " ".join(answer.content.decode().split())


def test_a_token_is_replaced_and_the_list_tells_both_apart(client, subscriber, token):
    sign_in(client, subscriber, confirmed=True)
    form = client.get(f"/keys/tokens/{token.pk}/rotate").context["form"]
    assert (form["days"].value(), form["overlap"].value()) == ("90", "ONE_DAY")
    answer = client.post(f"/keys/tokens/{token.pk}/rotate", {"overlap": "SEVEN_DAYS", "days": "30"})
    assert "no-store" in answer.headers["Cache-Control"]
    assert "The old one works until" in text_of(answer)
    text = re.search(r"entt_[0-9A-Za-z]{38}", answer.content.decode()).group(0)
    made = get_api_token(text, timezone.now())
    assert (made.name, made.scopes) == ("Loader", ["data:read"])
    page = text_of(client.get("/keys"))
    assert text not in page
    assert f'by <a href="#token-{made.pk}">the newer one</a>, works until' in page
    assert "29 days left" in page
    assert f"/keys/tokens/{made.pk}/rotate" in page
    assert f"/keys/tokens/{token.pk}/rotate" not in page
    again = client.post(f"/keys/tokens/{token.pk}/rotate", {"overlap": "ONE_DAY", "days": "30"})
    assert again.status_code == 409
    assert "It was replaced before." in text_of(again)
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    assert f"token-{token.pk}" not in client.get("/keys").content.decode()


def test_an_access_key_is_replaced(client, subscriber, access_key):
    sign_in(client, subscriber, confirmed=True)
    answer = client.post(f"/keys/access-keys/{access_key.pk}/rotate", {"overlap": "ONE_HOUR"})
    assert "no-store" in answer.headers["Cache-Control"]
    made = AccessKey.objects.exclude(pk=access_key.pk).get()
    assert f"AWS_ACCESS_KEY_ID={made.access_key_id}" in answer.content.decode()
    page = text_of(client.get("/keys"))
    assert f'by <a href="#key-{made.pk}">the newer one</a>' in page
    assert "No end" in page


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"overlap": ""}, "overlap"),
        ({"overlap": "ONE_YEAR"}, "overlap"),
        ({"days": "0"}, "days"),
        ({"days": "400"}, "days"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(client, subscriber, token, change, field):
    sign_in(client, subscriber, confirmed=True)
    wanted = {"overlap": "ONE_DAY", "days": "30"} | change
    answer = client.post(f"/keys/tokens/{token.pk}/rotate", wanted)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert ApiToken.objects.count() == 1


def test_replacing_asks_for_the_password_and_keeps_what_was_chosen(client, subscriber, token, access_key):
    sign_in(client, subscriber, confirmed=True)
    let_confirmation_lapse(client)
    for path in (f"/keys/tokens/{token.pk}/rotate", f"/keys/access-keys/{access_key.pk}/rotate"):
        answer = client.post(path, {"overlap": "ONE_HOUR", "days": "7"})
        assert answer.url.startswith("/accounts/reauthenticate/")
    assert (ApiToken.objects.count(), AccessKey.objects.count()) == (1, 1)
    sign_in(client, subscriber, confirmed=True)
    form = client.get(f"/keys/tokens/{token.pk}/rotate?overlap=ONE_HOUR&days=7").context["form"]
    assert (form["overlap"].value(), form["days"].value()) == ("ONE_HOUR", "7")


def test_strangers_and_other_roles_replace_nothing(client, stranger, token, access_key):
    paths = (f"/keys/tokens/{token.pk}/rotate", f"/keys/access-keys/{access_key.pk}/rotate")
    sign_in(client, stranger, confirmed=True)
    assert [client.post(path, {"overlap": "ONE_DAY", "days": "9"}).status_code for path in paths] == [404, 404]
    sign_in(client, member_with(Role.PUBLISHER), confirmed=True)
    assert [client.post(path, {"overlap": "ONE_DAY", "days": "9"}).status_code for path in paths] == [403, 403]
    assert (ApiToken.objects.count(), AccessKey.objects.count()) == (1, 1)


def test_the_profile_that_is_shown_is_one_that_boto3_reads(tmp_path, monkeypatch, settings):
    (profile,) = [s for s in snippets.for_access_key("ENTKEXAMPLE", "secret") if "profile" in s.label]
    config = tmp_path / "config"
    config.write_text(profile.code)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    session = boto3.Session(profile_name="entrepot")
    for service in ("dataexchange", "marketplace-catalog", "marketplace-agreement"):
        client = session.client(service)
        assert client.meta.endpoint_url == settings.PUBLIC_URL
        assert client.meta.region_name == settings.S3_REGION
    assert session.get_credentials().access_key == "ENTKEXAMPLE"


def test_hundreds_of_keys_are_paged_within_the_budget_of_queries(client, subscriber, django_assert_max_num_queries):
    now = timezone.now()
    common = {"organization": subscriber.organization, "user": subscriber.user}
    ApiToken.objects.bulk_create(
        ApiToken(
            **common,
            name=f"Token {n}",
            hint="entt_abcd",
            digest=str(n),
            scopes=["data:read"],
            expires_at=now + timedelta(days=n + 1),
        )
        for n in range(300)
    )
    AccessKey.objects.bulk_create(
        AccessKey(**common, name=f"Key {n}", access_key_id=f"ENTK{n:016}", sealed_secret=b"") for n in range(300)
    )
    sign_in(client, subscriber)
    client.get("/keys")
    with django_assert_max_num_queries(15):
        page = client.get("/keys?tokens=2&access_keys=3")
    assert "51–100 of 300" in text_of(page)
    assert "101–150 of 300" in text_of(page)
    assert 'href="?tokens=3&amp;access_keys=3"' in page.content.decode()
