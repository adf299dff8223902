"""Replacing tokens and access keys: both work during the overlap, then only the new one."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from marketplace.core.errors import Invalid, NotFound
from marketplace.core.models import AccessKey, ApiToken, AuditRecord, Membership, Role
from marketplace.core.operations import credentials
from marketplace.core.operations.credentials import Overlap
from marketplace.core.queries.credentials import get_access_key, get_api_token
from tests.conftest import actor_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(subscriber):
    """A token that was made for 30 days, ten days ago, with its text."""
    at = timezone.now() - timedelta(days=10)
    return credentials.create_api_token(
        membership=subscriber,
        name="Loader",
        wanted_scopes=["data:read", "subscriptions:read"],
        expires_at=at + timedelta(days=30),
        actor=actor_of(subscriber),
        at=at,
    )


@pytest.fixture
def access_key(subscriber):
    """An access key of the subscriber."""
    key, _ = credentials.create_access_key(
        membership=subscriber, name="ETL", actor=actor_of(subscriber), at=timezone.now()
    )
    return key


def rotate(member, token, **changes):
    """Replace a token with an overlap of a day."""
    wanted = {"overlap": Overlap.ONE_DAY, "at": timezone.now()} | changes
    return credentials.rotate_api_token(token=token, membership=member, actor=actor_of(member), **wanted)


def rotate_key(member, key, overlap=Overlap.ONE_HOUR):
    """Replace an access key."""
    return credentials.rotate_access_key(
        key=key, membership=member, overlap=overlap, actor=actor_of(member), at=timezone.now()
    )


def test_a_token_is_replaced_by_one_of_the_same_name_scopes_and_length_of_life(subscriber, token):
    old, old_text = token
    now = timezone.now()
    new, text = rotate(subscriber, old, at=now)
    assert (new.name, new.scopes, new.expires_at) == (old.name, old.scopes, now + timedelta(days=30))
    assert get_api_token(text, now) == new
    old.refresh_from_db()
    assert (old.rotated_to, old.expires_at) == (new, now + timedelta(days=1))
    assert get_api_token(old_text, now + timedelta(hours=23)) == old
    with pytest.raises(NotFound):
        get_api_token(old_text, now + timedelta(hours=25))
    rows = AuditRecord.objects.filter(action="api_token.rotated").values_list("subject_id", "detail")
    assert list(rows) == [(old.pk, {"rotated_to": new.pk, "overlap": "ONE_DAY"})]
    assert text not in str(list(AuditRecord.objects.values()))


def test_an_overlap_never_makes_the_old_token_live_longer(subscriber, token):
    old, _ = token
    ends_at = timezone.now() + timedelta(hours=2)
    ApiToken.objects.filter(pk=old.pk).update(expires_at=ends_at)
    rotate(subscriber, old, overlap=Overlap.SEVEN_DAYS)
    old.refresh_from_db()
    assert old.expires_at == ends_at


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"revoked_at": timezone.now()}, credentials.CredentialHasEnded),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, credentials.CredentialHasEnded),
    ],
)
def test_what_has_ended_cannot_be_replaced(subscriber, token, access_key, change, refusal):
    ApiToken.objects.update(**change)
    AccessKey.objects.update(**change)
    with pytest.raises(refusal):
        rotate(subscriber, token[0])
    with pytest.raises(refusal):
        rotate_key(subscriber, access_key)
    assert (ApiToken.objects.count(), AccessKey.objects.count()) == (1, 1)


def test_replacing_twice_is_refused_and_the_successor_can_be_replaced(subscriber, token, access_key):
    new, _ = rotate(subscriber, token[0])
    new_key, _ = rotate_key(subscriber, access_key)
    with pytest.raises(credentials.CredentialWasReplaced):
        rotate(subscriber, token[0])
    with pytest.raises(credentials.CredentialWasReplaced):
        rotate_key(subscriber, access_key)
    rotate(subscriber, new)
    rotate_key(subscriber, new_key)
    assert (ApiToken.objects.count(), AccessKey.objects.count()) == (3, 3)


def test_a_token_beyond_ones_role_cannot_be_replaced(subscriber, token):
    Membership.objects.filter(pk=subscriber.pk).update(role=Role.VIEWER)
    subscriber.refresh_from_db()
    before = ApiToken.objects.get().expires_at
    with pytest.raises(Invalid, match="cannot give: data:read"):
        rotate(subscriber, token[0])
    assert ApiToken.objects.get().expires_at == before


def test_an_access_key_works_until_its_overlap_is_over_by_one_statement(
    subscriber, access_key, django_assert_num_queries
):
    now = timezone.now()
    with django_assert_num_queries(1):
        assert get_access_key(access_key.access_key_id, now + timedelta(days=3650)) == access_key
    new, _ = rotate_key(subscriber, access_key, Overlap.SEVEN_DAYS)
    access_key.refresh_from_db()
    assert (new.name, new.expires_at, access_key.rotated_to) == ("ETL", None, new)
    assert get_access_key(access_key.access_key_id, now + timedelta(days=6)) == access_key
    with pytest.raises(NotFound):
        get_access_key(access_key.access_key_id, now + timedelta(days=7, minutes=1))
    assert get_access_key(new.access_key_id, now + timedelta(days=8)) == new


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_replaces(subscriber, token):
    import threading

    answers = []

    def replace():
        try:
            rotate(subscriber, token[0])
            answers.append("done")
        except credentials.CredentialWasReplaced:
            answers.append("refused")
        finally:
            connection.close()

    with transaction.atomic():
        ApiToken.objects.select_for_update().get(pk=token[0].pk)
        threads = [threading.Thread(target=replace) for _ in range(2)]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["done", "refused"]
    assert ApiToken.objects.count() == 2
