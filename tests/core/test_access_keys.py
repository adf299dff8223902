"""Access keys and the sealing of their secrets."""

import re

import pytest
from django.utils import timezone

from marketplace.core import crypto
from marketplace.core.crypto import SecretCannotBeOpened, seal, unseal
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.models import AccessKey, AuditRecord, UsedSignature
from marketplace.core.operations.credentials import (
    SignatureReplayed,
    create_access_key,
    open_access_key_secret,
    revoke_access_key,
    spend_signature,
)
from marketplace.core.queries.credentials import get_access_key, get_owned_access_key, list_access_keys
from tests.conftest import actor_of

PLACE = {"table": "core_accesskey", "column": "secret", "row": "r1", "organization": "o1"}


def make(member, name="Nightly"):
    return create_access_key(membership=member, name=name, actor=actor_of(member), at=timezone.now())


def test_a_sealed_secret_opens_at_its_place_only():
    sealed = seal("s3cret ü", **PLACE)
    assert unseal(sealed, **PLACE) == "s3cret ü"
    for part in PLACE:
        with pytest.raises(SecretCannotBeOpened):
            unseal(sealed, **PLACE | {part: "other"})


def test_two_seals_of_one_secret_have_nothing_in_common():
    one, two = seal("same", **PLACE), seal("same", **PLACE)
    assert one != two
    assert b"same" not in one
    kid = one.partition(b"\x00")[0]
    assert one[len(kid) + 1 :][:12] != two[len(kid) + 1 :][:12]


def test_a_seal_with_any_changed_byte_does_not_open():
    sealed = seal("secret", **PLACE)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SecretCannotBeOpened):
            unseal(bytes(changed), **PLACE)
    with pytest.raises(SecretCannotBeOpened):
        unseal(b"", **PLACE)
    with pytest.raises(SecretCannotBeOpened):
        unseal(sealed[:60], **PLACE)


def test_an_older_key_still_opens_what_it_sealed_and_the_newest_seals(settings):
    old = seal("secret", **PLACE)
    (kid, key) = next(iter(settings.ENCRYPTION_KEYS.items()))
    settings.ENCRYPTION_KEYS = {"newer": b"n" * 32, kid: key}
    assert unseal(old, **PLACE) == "secret"
    assert seal("secret", **PLACE).startswith(b"newer\x00")
    settings.ENCRYPTION_KEYS = {"newer": b"n" * 32}
    with pytest.raises(SecretCannotBeOpened, match="No key"):
        unseal(old, **PLACE)


@pytest.mark.django_db
def test_an_access_key_is_shaped_as_aws_shapes_it_and_its_secret_is_kept_sealed(publisher):
    key, secret = make(publisher)
    assert re.fullmatch(r"ENTK[A-Z2-7]{16}", key.access_key_id)
    assert re.fullmatch(r"[0-9A-Za-z]{40}", secret)
    stored = AccessKey.objects.get(pk=key.pk)
    assert secret.encode() not in bytes(stored.sealed_secret)
    assert open_access_key_secret(stored) == secret
    assert secret not in str(list(AuditRecord.objects.values()))


@pytest.mark.django_db
def test_a_secret_moved_to_another_row_does_not_open(publisher, stranger):
    mine, _ = make(publisher)
    theirs, _ = make(stranger)
    AccessKey.objects.filter(pk=theirs.pk).update(sealed_secret=mine.sealed_secret)
    theirs.refresh_from_db()
    with pytest.raises(crypto.SecretCannotBeOpened):
        open_access_key_secret(theirs)


@pytest.mark.django_db
def test_a_revoked_key_is_refused_at_once_and_revoking_again_changes_nothing(publisher):
    key, _ = make(publisher)
    assert get_access_key(key.access_key_id, timezone.now()) == key
    at = timezone.now()
    revoke_access_key(key=key, actor=actor_of(publisher), at=at)
    revoke_access_key(key=key, actor=actor_of(publisher), at=timezone.now())
    with pytest.raises(NotFound):
        get_access_key(key.access_key_id, timezone.now())
    key.refresh_from_db()
    assert key.revoked_at == at
    assert AuditRecord.objects.filter(action="access_key.revoked").count() == 1
    assert list(list_access_keys(organization=publisher.organization)) == []


@pytest.mark.django_db
def test_a_strangers_key_cannot_be_looked_up(publisher, stranger):
    key, _ = make(publisher)
    with pytest.raises(NotFound):
        get_owned_access_key(organization=stranger.organization, key_id=key.pk)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["", " ", "x" * 121])
def test_a_key_without_a_fitting_name_is_refused(publisher, name):
    with pytest.raises(Invalid) as caught:
        make(publisher, name)
    assert caught.value.field == "name"
    assert AccessKey.objects.count() == 0


@pytest.mark.django_db
def test_a_signature_is_spent_once():
    until = timezone.now()
    spend_signature("a" * 64, expires_at=until)
    with pytest.raises(SignatureReplayed):
        spend_signature("a" * 64, expires_at=until)
    spend_signature("b" * 64, expires_at=until)
    assert UsedSignature.objects.count() == 2
