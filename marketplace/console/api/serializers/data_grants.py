"""Data grants, as their sender and as their receiver see them."""

from typing import Any

from rest_framework import serializers

from marketplace.console.api.fields import Strict, Text
from marketplace.console.api.paging import PageQuery
from marketplace.console.api.serializers.account import Party
from subscriptions.models import GrantDistributionScope

PENDING, ACCEPTED = "PENDING_RECEIVER_ACCEPTANCE", "ACCEPTED"
STATES = [(PENDING, "Waits for the receiver"), (ACCEPTED, "Accepted")]
SCOPES = GrantDistributionScope.choices


class GrantShape(serializers.Serializer[Any]):
    """What both sides of a data grant see."""

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    data_set_name = serializers.CharField(source="published_data_set.data_set.name")
    distribution_scope = serializers.ChoiceField(choices=SCOPES)
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Access ends at this instant; null is open.")
    accepted_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class DataGrantShape(GrantShape):
    """A data grant that you gave."""

    data_set_id = serializers.CharField(source="published_data_set.data_set_id", help_text="Your data set.")
    receiver = Party()
    tags = serializers.DictField(child=serializers.CharField())


class ReceivedDataGrant(GrantShape):
    """A data grant that you were given."""

    data_set_id = serializers.CharField(
        source="published_data_set_id", help_text="The entitled data set; it can be read once the grant is accepted."
    )
    sender = Party()


class NewDataGrant(Strict):
    """Which data set, and who gets all its finalized revisions, past and future."""

    data_set_id = Text(max_length=40, help_text="A data set of yours with a finalized revision.")
    receiver_account_id = Text(max_length=12, help_text="The 12 digits of the receiving account.")
    name = Text(max_length=256)
    description = Text(max_length=16_384, required=False, default="")
    distribution_scope = serializers.ChoiceField(
        choices=SCOPES,
        required=False,
        default=GrantDistributionScope.NONE.value,
        help_text="Kept and shown; nothing follows from it here.",
    )
    ends_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="When access ends; open when left out."
    )
    tags = serializers.DictField(child=Text(), required=False, default=dict)


class DataGrantChange(Strict):
    """A later end."""

    ends_at = serializers.DateTimeField(allow_null=True, help_text="Later than the present one; null takes it away.")


class ReceivedQuery(PageQuery):
    """Which data grants."""

    state = serializers.ChoiceField(choices=STATES, required=False)
