"""What the tests of the console's pages share."""

import time

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.test import Client, RequestFactory

from marketplace.core.models import Membership, Role
from tests.conftest import make_member


def sign_in(client: Client, member: Membership, *, confirmed: bool = False) -> Client:
    """Sign a member in; confirmed: as somebody who gave the password again just now."""
    client.force_login(member.user)
    if confirmed:
        request = RequestFactory().get("/")
        request.session, request.user = client.session, member.user
        record_authentication(request, member.user, method="password", reauthenticated=True)
        request.session.save()
    return client


def let_confirmation_lapse(client: Client) -> None:
    """Make the last confirmation one second older than it may be."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT - 1
    session.save()


def member_with(role: Role) -> Membership:
    """Create an organization and give its only member another role."""
    member = make_member(role.title())
    Membership.objects.filter(pk=member.pk).update(role=role)
    member.refresh_from_db()
    return member
