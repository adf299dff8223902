"""API tokens: their text, their life, their end."""

import re
import zlib
from datetime import timedelta

import pytest
from django.utils import timezone

from marketplace.core import tokens
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.models import ApiToken, AuditRecord, Role
from marketplace.core.operations.credentials import create_api_token, note_use, revoke_api_token
from marketplace.core.queries.credentials import (
    get_api_token,
    get_owned_api_token,
    list_api_tokens,
    membership_of,
)
from tests.conftest import actor_of


def make(member, **changes):
    wanted = {"name": "Nightly", "wanted_scopes": ["data:read"], "at": timezone.now()} | changes
    return create_api_token(membership=member, actor=actor_of(member), **wanted)


def test_a_token_is_prefix_kind_random_and_checksum():
    token = tokens.new_token("t")
    assert re.fullmatch(r"entt_[0-9A-Za-z]{38}", token)
    number = 0
    for digit in token[37:]:
        number = number * 62 + tokens.ALPHABET.index(digit)
    assert number == zlib.crc32(token[5:37].encode())
    assert len({tokens.new_token("t") for _ in range(1000)}) == 1000


def test_a_token_with_one_changed_character_is_not_well_formed():
    token = tokens.new_token("t")
    assert tokens.is_well_formed(token)
    for place in range(5, len(token)):
        other = "a" if token[place] != "a" else "b"
        assert not tokens.is_well_formed(token[:place] + other + token[place + 1 :])
    for wrong in (
        "",
        "entt_",
        token[:-1],
        token + "0",
        token.upper(),
        f" {token}",
        f"{token}\n",
        "sk_live_" + "0" * 38,
    ):
        assert not tokens.is_well_formed(wrong)


pytest_db = pytest.mark.django_db


@pytest_db
def test_the_text_of_a_token_is_nowhere_in_the_database(publisher):
    token, text = make(publisher)
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert row["digest"] == tokens.digest(text)
    assert row["hint"] == text[:9]
    assert text not in str(row)
    assert text not in str(list(AuditRecord.objects.values()))


@pytest_db
def test_a_token_is_found_by_its_text_until_it_expires(publisher):
    at = timezone.now()
    token, text = make(publisher, at=at, expires_at=at + timedelta(hours=1))
    assert get_api_token(text, at) == token
    assert get_api_token(text, at + timedelta(minutes=59, seconds=59)) == token
    with pytest.raises(NotFound):
        get_api_token(text, at + timedelta(hours=1))


@pytest_db
def test_a_token_lives_90_days_unless_asked_otherwise(publisher):
    at = timezone.now()
    assert make(publisher, at=at)[0].expires_at == at + timedelta(days=90)


@pytest_db
@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=-1), timedelta(days=366, seconds=1)])
def test_an_expiry_in_the_past_or_beyond_366_days_is_refused(publisher, life):
    at = timezone.now()
    with pytest.raises(Invalid) as caught:
        make(publisher, at=at, expires_at=at + life)
    assert caught.value.field == "expires_at"
    assert ApiToken.objects.count() == 0


@pytest_db
def test_an_expiry_after_366_days_to_the_second_is_accepted(publisher):
    at = timezone.now()
    assert make(publisher, at=at, expires_at=at + timedelta(days=366))[0].pk


@pytest_db
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"wanted_scopes": []}, "scopes"),
        ({"wanted_scopes": ["data:read", "root"]}, "scopes"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 121}, "name"),
    ],
)
def test_a_token_without_name_or_with_odd_scopes_is_refused(publisher, changes, field):
    with pytest.raises(Invalid) as caught:
        make(publisher, **changes)
    assert caught.value.field == field
    assert ApiToken.objects.count() == 0


@pytest_db
def test_nobody_gives_a_token_more_than_the_own_role_has(publisher):
    publisher.role = Role.VIEWER
    publisher.save()
    with pytest.raises(Invalid, match="Your role viewer cannot give: data:read, keys:write"):
        make(publisher, wanted_scopes=["keys:write", "data:read", "publish:read"])
    assert make(publisher, wanted_scopes=["publish:read", "publish:read"])[0].scopes == ["publish:read"]


@pytest_db
def test_a_revoked_token_is_refused_at_once_and_revoking_again_changes_nothing(publisher):
    at = timezone.now()
    token, text = make(publisher, at=at)
    revoke_api_token(token=token, actor=actor_of(publisher), at=at)
    with pytest.raises(NotFound):
        get_api_token(text, at)
    revoke_api_token(token=token, actor=actor_of(publisher), at=at + timedelta(days=1))
    token.refresh_from_db()
    assert token.revoked_at == at
    assert AuditRecord.objects.filter(action="api_token.revoked").count() == 1
    assert list(list_api_tokens(organization=publisher.organization)) == []


@pytest_db
def test_a_token_of_a_person_who_may_not_sign_in_any_more_is_refused(publisher):
    _, text = make(publisher)
    publisher.user.is_active = False
    publisher.user.save()
    with pytest.raises(NotFound):
        get_api_token(text, timezone.now())


@pytest_db
def test_a_token_of_a_person_who_left_is_refused(publisher):
    _, text = make(publisher)
    found = membership_of(get_api_token(text, timezone.now()))
    assert (found, found.role, found.created_at) == (publisher, publisher.role, publisher.created_at)
    publisher.delete()
    with pytest.raises(NotFound):
        get_api_token(text, timezone.now())


@pytest_db
def test_a_token_that_does_not_exist_is_refused_like_a_malformed_one(publisher):
    sentences = set()
    for presented in (tokens.new_token("t"), "entt_short", ""):
        with pytest.raises(NotFound) as caught:
            get_api_token(presented, timezone.now())
        sentences.add(caught.value.message)
    assert len(sentences) == 1


@pytest_db
def test_a_strangers_token_cannot_be_looked_up(publisher, stranger):
    token, _ = make(publisher)
    assert get_owned_api_token(organization=publisher.organization, token_id=token.pk) == token
    with pytest.raises(NotFound):
        get_owned_api_token(organization=stranger.organization, token_id=token.pk)


@pytest_db
def test_the_last_use_is_recorded_at_most_once_a_minute(publisher):
    at = timezone.now()
    token, _ = make(publisher)
    for seconds, expected in ((0, 0), (59, 0), (61, 61)):
        token.refresh_from_db()
        note_use(token, at=at + timedelta(seconds=seconds))
        token.refresh_from_db()
        assert token.last_used_at == at + timedelta(seconds=expected)
