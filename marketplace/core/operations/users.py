"""People as an operator handles them: operators are made, people are suspended and let in again."""

from dataclasses import replace
from datetime import datetime

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict
from marketplace.core.models import User


class CannotSuspendYourself(Conflict):
    message = "You cannot suspend yourself. Ask another operator."


def _change(user: User, action: str, *, actor: Actor, at: datetime, **fields: bool) -> None:
    for name, value in fields.items():
        setattr(user, name, value)
    user.save(update_fields=list(fields))
    audit.record(action, actor=replace(actor, organization_id=None), subject=user, at=at)


@transaction.atomic
def make_operator(*, user: User, actor: Actor, at: datetime) -> User:
    """Let a user operate the installation. Twice changes nothing."""
    user = User.objects.select_for_update().get(pk=user.pk)
    if not user.is_staff:
        _change(user, "user.made_operator", actor=actor, at=at, is_staff=True)
    return user


@transaction.atomic
def suspend_user(*, user: User, actor: Actor, at: datetime) -> User:
    """Shut somebody out: sessions end, tokens and access keys are refused from the next request on.

    Twice changes nothing. Raises CannotSuspendYourself.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.pk == actor.user_id:
        raise CannotSuspendYourself("USER", str(user.pk))
    if user.is_active:
        _change(user, "user.suspended", actor=actor, at=at, is_active=False)
        _end_sessions(user)
    return user


@transaction.atomic
def reactivate_user(*, user: User, actor: Actor, at: datetime) -> User:
    """Let somebody in again: they sign in anew, their tokens and access keys work again. Twice changes nothing."""
    user = User.objects.select_for_update().get(pk=user.pk)
    if not user.is_active:
        _change(user, "user.reactivated", actor=actor, at=at, is_active=True)
    return user


def _end_sessions(user: User) -> None:
    """Delete the sessions of a user: whoever is not active has none, but it must not live again with its user."""
    living = Session.objects.filter(expire_date__gt=timezone.now())
    ended = [
        session.pk
        for session in living.iterator(chunk_size=1000)
        if session.get_decoded().get("_auth_user_id") == str(user.pk)
    ]
    Session.objects.filter(pk__in=ended).delete()
