"""Members, invitations, the organization's page and the audit log."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Strict, Text
from marketplace.console.api.paging import PageQuery
from marketplace.core.models import Role


class Member(serializers.Serializer[Any]):
    """A person in your organization. What is about their sign-in is null unless you may change the team."""

    id = serializers.CharField()
    name = serializers.CharField(source="user.name")
    email = serializers.CharField(source="user.email")
    role = serializers.ChoiceField(choices=Role.values)
    joined_at = serializers.DateTimeField(source="created_at")
    last_sign_in_at = serializers.SerializerMethodField()
    has_second_factor = serializers.SerializerMethodField()

    def get_last_sign_in_at(self, member: Any) -> str | None:
        """Return when the person last signed in, as ISO 8601."""
        at = member.user.last_login if getattr(member, "is_told_all", False) else None
        return at.isoformat() if at else None

    def get_has_second_factor(self, member: Any) -> bool | None:
        """Return whether the person signs in with more than a password."""
        return bool(member.has_second_factor) if getattr(member, "is_told_all", False) else None


class RoleChange(Strict):
    """Another role for a member."""

    role = serializers.ChoiceField(choices=Role.values, help_text="At most your own.")


class EndedMembership(serializers.Serializer[Any]):
    """What ended with a membership."""

    revoked_credentials = serializers.IntegerField(help_text="Tokens and access keys that are refused from now on.")


class InvitationShape(serializers.Serializer[Any]):
    """An address that may join your organization."""

    id = serializers.CharField()
    email = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.values)
    invited_by = serializers.CharField(source="invited_by.email")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(
        help_text="The link works until then; an expired invitation can get a new one."
    )


class IssuedInvitation(InvitationShape):
    """An invitation with a new link."""

    link = serializers.CharField(
        allow_null=True,
        help_text="Where this exchange sends no mail: the link to hand over, shown here and never again. Else null.",
    )


class NewInvitation(Strict):
    """Who is invited, and as what."""

    email = Text(max_length=254)
    role = serializers.ChoiceField(choices=Role.values, help_text="At most your own.")


class OrganizationShape(serializers.Serializer[Any]):
    """Your organization as others see it."""

    account_id = serializers.CharField()
    name = serializers.CharField()
    about = serializers.CharField()
    website = serializers.CharField()
    support_contact = serializers.CharField()
    is_verified = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class OrganizationChange(Strict):
    """What to change; what is left out stays."""

    name = Text(max_length=120, required=False)
    about = Text(max_length=2000, required=False, help_text="Plain text.")
    website = Text(max_length=200, required=False, help_text="An http or https URL, or empty.")
    support_contact = Text(max_length=254, required=False)


class AuditQuery(PageQuery):
    """Which records; all parameters may be left out."""

    person = serializers.CharField(
        required=False, max_length=20, help_text="`actor_user_id` of the records, or `system`."
    )
    action = serializers.CharField(
        required=False,
        max_length=60,
        help_text="An action such as `revision.finalized`, or an area such as `revision.`.",
    )
    object_id = serializers.CharField(required=False, max_length=64)
    result = serializers.ChoiceField(required=False, choices=["done", "denied"])
    since = serializers.DateTimeField(required=False, help_text="From this instant on.")
    until = serializers.DateTimeField(required=False, help_text="Before this instant.")


class AuditRecordShape(serializers.Serializer[Any]):
    """One fact or refusal. Each record holds the fingerprint of the one before."""

    sequence = serializers.IntegerField(help_text="1 for the first record of your organization, without gaps.")
    recorded_at = serializers.DateTimeField()
    action = serializers.CharField()
    result = serializers.CharField(help_text="`done` or `denied`.")
    actor_kind = serializers.CharField(help_text="`user`, `token`, `access_key` or `system`.")
    actor_user_id = serializers.IntegerField(allow_null=True)
    credential_id = serializers.CharField(help_text="Of the token or access key; empty for a session.")
    request_id = serializers.CharField()
    ip = serializers.CharField(allow_null=True)
    object_type = serializers.CharField(source="subject_type")
    object_id = serializers.CharField(source="subject_id")
    detail = serializers.JSONField()
    previous_digest = serializers.CharField()
    digest = serializers.CharField(help_text="SHA-256 over the record and `previous_digest`.")


class Verification(serializers.Serializer[Any]):
    """Whether the newest records are as they were written."""

    first_broken = serializers.IntegerField(
        allow_null=True, help_text="The sequence where the chain breaks; else null."
    )
    records = serializers.IntegerField(help_text="How many of the newest were looked at.")
    total = serializers.IntegerField(help_text="How many there are.")
    verified_at = serializers.DateTimeField()
