"""Organizations and credentials."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Strict, Text
from marketplace.core import scopes
from marketplace.core.operations.credentials import Overlap


class Party(serializers.Serializer[Any]):
    """An organization as others see it."""

    account_id = serializers.CharField()
    name = serializers.CharField()


class Whoami(serializers.Serializer[Any]):
    """The caller."""

    organization = Party()
    email = serializers.CharField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = serializers.CharField(source="membership.role")
    credential = serializers.CharField(source="actor.kind", help_text="`token`, `access_key` or `user`.")
    credential_id = serializers.CharField(source="actor.credential_id", help_text="Empty for a session.")
    scopes = serializers.SerializerMethodField(help_text="What the credentials may do.")

    def get_scopes(self, caller: Any) -> list[str]:
        """Return the scopes in the order of their names."""
        return sorted(caller.scopes)


class Token(serializers.Serializer[Any]):
    """An API token; its text is kept nowhere."""

    id = serializers.CharField()
    name = serializers.CharField()
    hint = serializers.CharField(help_text="The first characters, to recognise it.")
    scopes = serializers.ListField(child=serializers.CharField())
    created_by = serializers.CharField(source="user.email")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    replaced_by = serializers.CharField(
        source="rotated_to_id", allow_null=True, help_text="The token in whose favour this one ends; null for most."
    )
    last_used_at = serializers.DateTimeField(allow_null=True)


class CreatedToken(Token):
    """A new token with its text, which is shown here and never again."""

    token = serializers.CharField(source="text")


class NewToken(Strict):
    """What a token is for and what it may do."""

    name = Text(max_length=120)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(scopes.SCOPES)), min_length=1, help_text="At most your own."
    )
    expires_at = serializers.DateTimeField(required=False, help_text="Within 366 days; 90 days when left out.")


class AccessKeyShape(serializers.Serializer[Any]):
    """A key pair for Signature Version 4."""

    id = serializers.CharField()
    name = serializers.CharField()
    access_key_id = serializers.CharField()
    created_by = serializers.CharField(source="user.email")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="null: it has no end.")
    replaced_by = serializers.CharField(
        source="rotated_to_id", allow_null=True, help_text="The key in whose favour this one ends; null for most."
    )
    last_used_at = serializers.DateTimeField(allow_null=True)


class CreatedAccessKey(AccessKeyShape):
    """A new key pair with its secret, which is shown here and never again."""

    secret_access_key = serializers.CharField(source="text")


class NewAccessKey(Strict):
    """What a key pair is for."""

    name = Text(max_length=120)


class KeyReplacement(Strict):
    """How long the old one works on."""

    overlap = serializers.ChoiceField(
        choices=Overlap.choices,
        required=False,
        default=Overlap.ONE_DAY.value,
        help_text="Both work for so long; then the old one ends.",
    )


class TokenReplacement(KeyReplacement):
    """How long the old one works on, and the new one's end."""

    expires_at = serializers.DateTimeField(
        required=False, help_text="Within 366 days; when left out, it lives as long as the old one was made to."
    )
