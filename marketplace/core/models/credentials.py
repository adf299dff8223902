"""ApiToken, AccessKey, and the signatures that were used once."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from marketplace.core.ids import new_id
from marketplace.core.models.identity import Organization, User


class ApiToken(models.Model):
    """A bearer token. Only its SHA-256 is kept; `hint` is the first characters, so that a person can recognise it.

    rotated_to: the token that takes its place; until expires_at both work.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="api_tokens")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=120)
    hint = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    scopes: models.Field = ArrayField(models.CharField(max_length=40))  # type: ignore[type-arg]
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    rotated_to = models.OneToOneField("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaces")
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class AccessKey(models.Model):
    """A key pair for SigV4. The secret must be known to verify, so it is encrypted, not hashed.

    rotated_to: the key that takes its place; until expires_at both work.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="access_keys")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_keys")
    name = models.CharField(max_length=120)
    access_key_id = models.CharField(max_length=20, unique=True)
    sealed_secret = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    rotated_to = models.OneToOneField("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaces")
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.access_key_id})"


class UsedSignature(models.Model):
    """A SigV4 signature of a mutation: the unique row makes a replay impossible while the signature is valid."""

    signature = models.CharField(primary_key=True, max_length=64)
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="used_signature_expiry")]

    def __str__(self) -> str:
        return self.signature[:8]
