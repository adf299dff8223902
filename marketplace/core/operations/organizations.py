"""Organizations and their members."""

import secrets
from datetime import datetime

from django.db import transaction

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.models import Membership, Organization, Role, User


class EmailIsTaken(Conflict):
    message = "A user with this e-mail address exists already."


@transaction.atomic
def create_organization(*, name: str, owner: User, actor: Actor, at: datetime) -> Membership:
    """Create an organization with its owner. Raises Invalid for an empty or over-long name."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120:
        raise Invalid("The organization needs a name of 1 to 120 characters.", field="name")
    organization = Organization.objects.create(name=name, created_at=at)
    membership = Membership.objects.create(organization=organization, user=owner, role=Role.OWNER, created_at=at)
    audit.record("organization.created", actor=actor, subject=organization, organization_id=organization.pk)
    return membership


@transaction.atomic
def create_user(*, email: str, name: str = "") -> tuple[User, str]:
    """Create a user with a random password and return both. Raises EmailIsTaken."""
    email = email.strip().lower()
    if User.objects.filter(email=email).exists():
        raise EmailIsTaken("USER", email)
    password = secrets.token_urlsafe(15)
    return User.objects.create_user(email, password, name=name), password
