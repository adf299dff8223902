"""Sign-up and sign-in: what allauth asks of us."""

import base64
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from marketplace.console.confirming import is_confirmed
from marketplace.console.invited import forget_invitation, invitation_to_sign_up
from marketplace.console.sessions import end_other_sessions
from marketplace.core import brand, crypto
from marketplace.core.actors import Actor
from marketplace.core.operations.organizations import create_organization
from marketplace.core.operations.team import accept_invitation


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Users sign in by e-mail; who signs up gets an organization and owns it, or joins the one that invited them."""

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Keep the user in lower case; create the organization or the membership in the same transaction."""
        invitation = invitation_to_sign_up(request)
        user.email = (invitation.email if invitation else form.cleaned_data["email"]).strip().lower()
        user.name = form.cleaned_data.get("name", "")
        user.set_password(form.cleaned_data["password1"])
        if not commit:
            return user
        now = timezone.now()
        with transaction.atomic():
            user.save()
            actor = Actor(
                kind="user",
                user_id=user.pk,
                request_id=getattr(request, "request_id", ""),
                ip=request.META.get("REMOTE_ADDR") or None,
            )
            if invitation is not None:
                accept_invitation(invitation=invitation, user=user, actor=actor, at=now)
                forget_invitation(request)
            else:
                create_organization(name=form.cleaned_data["organization"], owner=user, actor=actor, at=now)
        return user

    def set_password(self, user: Any, password: str) -> None:
        """Set a password and sign the person out everywhere else: whoever had the old one is out."""
        super().set_password(user, password)
        session = getattr(context.request, "session", None)
        end_other_sessions(user=user, current_key=session.session_key if session is not None else None)

    def get_from_email(self) -> str:
        """Return the sender of mails about accounts: the name of this exchange."""
        return brand.sender()

    def format_email_subject(self, subject: str) -> str:
        """Return the subject of a mail with the name of this exchange before it."""
        return f"{brand.current().name}: {subject}"

    def send_mail(self, template_prefix: str, email: Any, context: dict[str, Any]) -> None:
        """Send a mail about an account; its texts greet by the name of this exchange, not by its host."""
        site = SimpleNamespace(name=brand.current().name, domain=urlsplit(settings.PUBLIC_URL).netloc)
        super().send_mail(template_prefix, email, {"current_site": site} | context)

    def is_reauthentication_required(self, *, app: str, **keywords: Any) -> bool:
        """Return whether to ask again who it is; signing in counts, as it does before keys are made."""
        return super().is_reauthentication_required(app=app, **keywords) and not is_confirmed(context.request)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address of the client; requests by a Unix socket have none."""
        return request.META.get("REMOTE_ADDR") or "0.0.0.0"  # noqa: S104


#: what stands in the database before a sealed seed
_SEALED = "sealed."
_PLACE = {"table": "mfa_authenticator", "column": "data", "row": "", "organization": ""}


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seeds of second factors are sealed at rest; apps show the name of this exchange."""

    def encrypt(self, text: str) -> str:
        """Return the seed as it is kept."""
        return _SEALED + base64.b64encode(crypto.seal(text, **_PLACE)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return a seed; those from before they were sealed are as they were."""
        if not encrypted_text.startswith(_SEALED):
            return encrypted_text
        return crypto.unseal(base64.b64decode(encrypted_text.removeprefix(_SEALED)), **_PLACE)

    def get_totp_issuer(self) -> str:
        """Return the name under which an app shows the account."""
        return brand.current().name

    def _get_site_name(self) -> str:
        return brand.current().name

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        """Return the name that the form for a new key starts with; people name keys by the device."""
        return "My device"
