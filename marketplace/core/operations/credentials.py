"""Create, use, replace and revoke API tokens and access keys."""

from datetime import datetime, timedelta

from django.db import IntegrityError, models, transaction

from marketplace.core import audit, crypto, scopes, tokens
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Denied, Invalid
from marketplace.core.models import AccessKey, ApiToken, Membership, UsedSignature

DEFAULT_LIFE = timedelta(days=90)
LONGEST_LIFE = timedelta(days=366)


class Overlap(models.TextChoices):
    """How long a credential works on after it was replaced, so that programs can be changed one by one."""

    ONE_HOUR = "ONE_HOUR", "1 hour"
    ONE_DAY = "ONE_DAY", "1 day"
    SEVEN_DAYS = "SEVEN_DAYS", "7 days"

    @property
    def length(self) -> timedelta:
        """Return it as a span."""
        return {"ONE_HOUR": timedelta(hours=1), "ONE_DAY": timedelta(days=1)}.get(self.value, timedelta(days=7))


class CredentialHasEnded(Conflict):
    message = "It has expired or was revoked, so there is nothing to replace. Create a new one."


class CredentialWasReplaced(Conflict):
    message = "It was replaced before. Replace its successor instead."


class SignatureReplayed(Denied):
    message = "This signature was already used. Sign the request again."


@transaction.atomic
def create_api_token(
    *,
    membership: Membership,
    name: str,
    wanted_scopes: list[str],
    actor: Actor,
    at: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Create a token and return it with its text, which is shown once and never again.

    Raises Invalid for unknown scopes, scopes beyond the member's role, or a life over 366 days.
    """
    expires_at = expires_at or at + DEFAULT_LIFE
    if not name.strip() or len(name) > 120:
        raise Invalid("Give the token a name of 1 to 120 characters.", field="name")
    unknown = sorted(set(wanted_scopes) - set(scopes.SCOPES))
    if unknown:
        raise Invalid(f"Unknown scopes: {', '.join(unknown)}. Known: {', '.join(scopes.SCOPES)}.", field="scopes")
    beyond = sorted(set(wanted_scopes) - scopes.allowed(membership))
    if beyond:
        raise Invalid(f"Your role {membership.role} cannot give: {', '.join(beyond)}.", field="scopes")
    if not wanted_scopes:
        raise Invalid("Choose at least one scope.", field="scopes")
    if not at < expires_at <= at + LONGEST_LIFE:
        raise Invalid("The expiry must lie in the future and within 366 days.", field="expires_at")
    text = tokens.new_token("t")
    token = ApiToken.objects.create(
        organization=membership.organization,
        user=membership.user,
        name=name.strip(),
        hint=text[: tokens.HINT_LENGTH],
        digest=tokens.digest(text),
        scopes=sorted(set(wanted_scopes)),
        created_at=at,
        expires_at=expires_at,
    )
    audit.record("api_token.created", actor=actor, subject=token, detail={"scopes": token.scopes, "name": token.name})
    return token, text


@transaction.atomic
def rotate_api_token(
    *,
    token: ApiToken,
    membership: Membership,
    overlap: Overlap,
    actor: Actor,
    at: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Create a token of the same name and scopes in the place of another, which works on for the overlap and then ends.

    The new one belongs to who asked for it. expires_at: of the new one; without it, it lives as long as the old one was
    made to live. Returns the new one with its text. Raises CredentialHasEnded, CredentialWasReplaced, and Invalid as
    create_api_token does; nothing is changed then.
    """
    old = ApiToken.objects.select_for_update().get(pk=token.pk)
    _check_replaceable(old, at=at)
    life = min(old.expires_at - old.created_at, LONGEST_LIFE)
    new, text = create_api_token(
        membership=membership,
        name=old.name,
        wanted_scopes=list(old.scopes),
        actor=actor,
        at=at,
        expires_at=expires_at or at + life,
    )
    old.rotated_to, old.expires_at = new, min(old.expires_at, at + overlap.length)
    old.save(update_fields=["rotated_to", "expires_at"])
    audit.record("api_token.rotated", actor=actor, subject=old, detail={"rotated_to": new.pk, "overlap": overlap.value})
    return new, text


def _check_replaceable(credential: ApiToken | AccessKey, *, at: datetime) -> None:
    kind = "API_TOKEN" if isinstance(credential, ApiToken) else "ACCESS_KEY"
    has_ended = credential.expires_at is not None and credential.expires_at <= at
    if credential.rotated_to_id is not None:
        raise CredentialWasReplaced(kind, credential.pk)
    if credential.revoked_at is not None or has_ended:
        raise CredentialHasEnded(kind, credential.pk)


@transaction.atomic
def revoke_api_token(*, token: ApiToken, actor: Actor, at: datetime) -> None:
    """End a token; the next request with it is refused. Revoking twice changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at):
        audit.record("api_token.revoked", actor=actor, subject=token)


@transaction.atomic
def create_access_key(*, membership: Membership, name: str, actor: Actor, at: datetime) -> tuple[AccessKey, str]:
    """Create a key pair for SigV4 and return it with its secret, which is shown once and never again."""
    if not name.strip() or len(name) > 120:
        raise Invalid("Give the key a name of 1 to 120 characters.", field="name")
    secret = tokens.new_secret()
    key = AccessKey(
        organization=membership.organization,
        user=membership.user,
        name=name.strip(),
        access_key_id=tokens.new_access_key_id(),
        created_at=at,
    )
    key.sealed_secret = crypto.seal(secret, **_place(key))
    key.save(force_insert=True)
    audit.record("access_key.created", actor=actor, subject=key, detail={"name": key.name})
    return key, secret


@transaction.atomic
def rotate_access_key(
    *, key: AccessKey, membership: Membership, overlap: Overlap, actor: Actor, at: datetime
) -> tuple[AccessKey, str]:
    """Create a key pair of the same name in the place of another, which works on for the overlap and then ends.

    The new one belongs to who asked for it, and has no end. Returns it with its secret. Raises CredentialHasEnded,
    CredentialWasReplaced; nothing is changed then.
    """
    old = AccessKey.objects.select_for_update().get(pk=key.pk)
    _check_replaceable(old, at=at)
    new, secret = create_access_key(membership=membership, name=old.name, actor=actor, at=at)
    ends_at = at + overlap.length
    old.rotated_to, old.expires_at = new, ends_at if old.expires_at is None else min(old.expires_at, ends_at)
    old.save(update_fields=["rotated_to", "expires_at"])
    detail = {"rotated_to": new.pk, "overlap": overlap.value}
    audit.record("access_key.rotated", actor=actor, subject=old, detail=detail)
    return new, secret


@transaction.atomic
def revoke_access_key(*, key: AccessKey, actor: Actor, at: datetime) -> None:
    """End a key pair; the next request with it is refused. Revoking twice changes nothing."""
    if AccessKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=at):
        audit.record("access_key.revoked", actor=actor, subject=key)


def open_access_key_secret(key: AccessKey) -> str:
    """Return the secret for verifying a signature."""
    return crypto.unseal(bytes(key.sealed_secret), **_place(key))


def _place(key: AccessKey) -> dict[str, str]:
    return {"table": "core_accesskey", "column": "secret", "row": key.pk, "organization": key.organization_id}


def note_use(credential: ApiToken | AccessKey, *, at: datetime) -> None:
    """Record when a credential was last used, at most once a minute."""
    if credential.last_used_at is None or at - credential.last_used_at > timedelta(minutes=1):
        type(credential).objects.filter(pk=credential.pk).update(last_used_at=at)


def spend_signature(signature: str, *, expires_at: datetime) -> None:
    """Use a signature once. Raises SignatureReplayed when its row is already there."""
    try:
        with transaction.atomic():
            UsedSignature.objects.create(signature=signature, expires_at=expires_at)
    except IntegrityError:
        raise SignatureReplayed from None
