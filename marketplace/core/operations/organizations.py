"""Organizations as they present themselves, and people. Members: operations/team.py."""

import secrets
from datetime import datetime
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.events import publish_on_commit
from marketplace.core.models import Membership, Organization, Role, User


class EmailIsTaken(Conflict):
    message = "A user with this e-mail address exists already."


@transaction.atomic
def create_organization(*, name: str, owner: User, actor: Actor, at: datetime) -> Membership:
    """Create an organization with its owner. Raises Invalid for an empty or over-long name."""
    name = _checked_name(name)
    organization = Organization.objects.create(name=name, created_at=at)
    membership = Membership.objects.create(organization=organization, user=owner, role=Role.OWNER, created_at=at)
    audit.record("organization.created", actor=actor, subject=organization, organization_id=organization.pk)
    return membership


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120:
        raise Invalid("The organization needs a name of 1 to 120 characters.", field="name")
    return name


def _checked_website(website: str) -> str:
    website = website.strip()
    if not website:
        return ""
    try:
        URLValidator(schemes=["http", "https"])(website)
        has_login = "@" in urlsplit(website).netloc
    except (ValidationError, ValueError):
        has_login = True
    if has_login or len(website) > 200:
        raise Invalid("Give the whole address of a web page, such as https://example.org.", field="website")
    return website


@transaction.atomic
def update_organization(
    *,
    organization: Organization,
    name: str | None = None,
    about: str | None = None,
    website: str | None = None,
    support_contact: str | None = None,
    actor: Actor,
    at: datetime,
) -> Organization:
    """Change what others read about an organization; what is None stays. The same again changes nothing.

    about: plain text of at most 2,000 characters. Raises Invalid naming the field.
    """
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    wanted: dict[str, str] = {}
    if name is not None:
        wanted["name"] = _checked_name(name)
    if about is not None:
        wanted["about"] = about.replace("\r\n", "\n").strip()
        if len(wanted["about"]) > 2000:
            raise Invalid("Say it in at most 2,000 characters.", field="about")
    if website is not None:
        wanted["website"] = _checked_website(website)
    if support_contact is not None:
        wanted["support_contact"] = " ".join(support_contact.split())
        if len(wanted["support_contact"]) > 254:
            raise Invalid("The contact has at most 254 characters.", field="support_contact")
    if any("\x00" in value for value in wanted.values()):
        raise Invalid("A text holds a character that cannot be kept.")
    changed = sorted(field for field, value in wanted.items() if getattr(organization, field) != value)
    if not changed:
        return organization
    for field in changed:
        setattr(organization, field, wanted[field])
    organization.save(update_fields=changed)
    audit.record(
        "organization.updated",
        actor=actor,
        subject=organization,
        organization_id=organization.pk,
        at=at,
        detail={"fields": changed},
    )
    if "name" in changed:
        publish_on_commit("organization.renamed", organization_id=organization.pk, owner_id=organization.pk)
    return organization


@transaction.atomic
def update_user(*, user: User, name: str, uses_shortcuts: bool) -> User:
    """Change what a person says about themselves. Raises Invalid for an empty or over-long name."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120 or "\x00" in name:
        raise Invalid("Give a name of 1 to 120 characters.", field="name")
    user.name, user.uses_shortcuts = name, uses_shortcuts
    user.save(update_fields=["name", "uses_shortcuts"])
    return user


@transaction.atomic
def create_user(*, email: str, name: str = "") -> tuple[User, str]:
    """Create a user with a random password and return both. Raises EmailIsTaken."""
    email = email.strip().lower()
    if User.objects.filter(email=email).exists():
        raise EmailIsTaken("USER", email)
    password = secrets.token_urlsafe(15)
    return User.objects.create_user(email, password, name=name), password
