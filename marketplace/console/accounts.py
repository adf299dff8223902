"""Sign-up and sign-in: what allauth asks of us."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils import timezone

from marketplace.core.actors import Actor
from marketplace.core.operations.organizations import create_organization


class AccountAdapter(DefaultAccountAdapter):
    """Users sign in by e-mail; a person who signs up gets an organization and owns it."""

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Keep the user in lower case, and create the organization in the same transaction."""
        user.email = form.cleaned_data["email"].strip().lower()
        user.name = form.cleaned_data.get("name", "")
        user.set_password(form.cleaned_data["password1"])
        if commit:
            user.save()
            create_organization(
                name=form.cleaned_data["organization"],
                owner=user,
                actor=Actor(kind="user", user_id=user.pk, request_id=getattr(request, "request_id", "")),
                at=timezone.now(),
            )
        return user
