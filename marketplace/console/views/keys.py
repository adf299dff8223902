"""Pages of tokens and access keys. A secret stands on the answer to the POST that made it, and nowhere else."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.console import snippets
from marketplace.console.confirming import recently_confirmed
from marketplace.console.forms import AccessKeyForm, ReplaceKeyForm, ReplaceTokenForm, TokenForm
from marketplace.core import scopes
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.middleware import MemberRequest
from marketplace.core.models import AccessKey, ApiToken
from marketplace.core.operations import credentials
from marketplace.core.pages import member_page, refuse, status_of
from marketplace.core.queries.credentials import (
    get_owned_access_key,
    get_owned_api_token,
    list_access_keys,
    list_api_tokens,
)

#: a token that ends within this time is marked, so that it is replaced before programs stop
SOON = timedelta(days=14)
PER_PAGE = 50


@dataclass(frozen=True)
class Row:
    """A token or access key of the list. state: "", soon, expired, or replaced while the old one works on.

    scopes: empty when it may do everything. days_left: whole days until it ends, None without an end.
    """

    credential: ApiToken | AccessKey
    state: str
    scopes: list[str]
    days_left: int | None


def _row(credential: ApiToken | AccessKey, *, at: datetime) -> Row:
    ends_at = credential.expires_at
    if ends_at is not None and ends_at <= at:
        state = "expired"
    elif credential.rotated_to_id is not None:
        state = "replaced"
    else:
        state = "soon" if ends_at is not None and ends_at <= at + SOON else ""
    held = credential.scopes if isinstance(credential, ApiToken) else []
    return Row(
        credential,
        state,
        [] if set(held) == scopes.ALL else held,
        None if ends_at is None else max(0, (ends_at - at).days),
    )


def _page(found: Any, number: str | None, *, at: datetime) -> tuple[Page[Any], list[Row]]:
    """Return a page of credentials; those that were replaced and have ended since are of no use to anybody."""
    living = found.exclude(rotated_to__isnull=False, expires_at__lte=at)
    page = Paginator(living, PER_PAGE).get_page(number)
    return page, [_row(credential, at=at) for credential in page.object_list]


@require_safe
@member_page("keys:write")
def keys(request: MemberRequest) -> HttpResponse:
    """List the living tokens and access keys of the organization."""
    now = timezone.now()
    token_page, tokens = _page(list_api_tokens(organization=request.organization), request.GET.get("tokens"), at=now)
    key_page, access_keys = _page(
        list_access_keys(organization=request.organization), request.GET.get("access_keys"), at=now
    )
    context = {"tokens": tokens, "token_page": token_page, "access_keys": access_keys, "key_page": key_page}
    return render(request, "console/keys.html", context)


@never_cache
@member_page("keys:write")
@recently_confirmed(keep=("name", "scopes", "days"))
def token_create(request: MemberRequest) -> HttpResponse:
    """Create a token and show its text once."""
    offered = scopes.allowed(request.membership)
    status = 200
    if request.method == "POST":
        form, status = TokenForm(request.POST, offered=offered), 422
        if form.is_valid():
            now = timezone.now()
            try:
                token, text = credentials.create_api_token(
                    membership=request.membership,
                    name=form.cleaned_data["name"],
                    wanted_scopes=form.cleaned_data["scopes"],
                    expires_at=now + timedelta(days=form.cleaned_data["days"]),
                    actor=request.actor,
                    at=now,
                )
            except Invalid as error:
                refuse(form, error)
            else:
                context = {"token": token, "secret": text, "snippets": snippets.for_token(text)}
                return render(request, "console/token_created.html", context)
    else:
        initial = {"name": request.GET.get("name", ""), "scopes": request.GET.getlist("scopes")}
        if request.GET.get("days"):
            initial["days"] = request.GET["days"]
        form = TokenForm(initial=initial, offered=offered)
    return render(request, "console/token_create.html", {"form": form}, status=status)


@never_cache
@member_page("keys:write")
@recently_confirmed(keep=("overlap", "days"))
def token_rotate(request: MemberRequest, token_id: str) -> HttpResponse:
    """Put a new token in the place of another, which works on for a while; show the new one's text once."""
    token = get_owned_api_token(organization=request.organization, token_id=token_id)
    status = 200
    if request.method == "POST":
        form, status = ReplaceTokenForm(request.POST), 422
        if form.is_valid():
            now = timezone.now()
            try:
                new, text = credentials.rotate_api_token(
                    token=token,
                    membership=request.membership,
                    overlap=credentials.Overlap(form.cleaned_data["overlap"]),
                    expires_at=now + timedelta(days=form.cleaned_data["days"]),
                    actor=request.actor,
                    at=now,
                )
            except (Invalid, Conflict) as error:
                refuse(form, error)
                status = status_of(error)
            else:
                token.refresh_from_db()
                context = {"token": new, "secret": text, "snippets": snippets.for_token(text), "replaced": token}
                return render(request, "console/token_created.html", context)
    else:
        life = round((token.expires_at - token.created_at) / timedelta(days=1))
        days = request.GET.get("days", str(min(max(1, life), credentials.LONGEST_LIFE.days)))
        form = ReplaceTokenForm(initial={"days": days, "overlap": _asked_overlap(request)})
    return render(request, "console/token_rotate.html", {"form": form, "token": token}, status=status)


def _asked_overlap(request: MemberRequest) -> str:
    asked = request.GET.get("overlap", "")
    return asked if asked in credentials.Overlap.values else credentials.Overlap.ONE_DAY


@require_POST
@member_page("keys:write")
def token_revoke(request: MemberRequest, token_id: str) -> HttpResponse:
    """End a token at once. No password is asked: who finds a token leaked must be quick."""
    token = get_owned_api_token(organization=request.organization, token_id=token_id)
    credentials.revoke_api_token(token=token, actor=request.actor, at=timezone.now())
    messages.success(request, f"Token {token.name} revoked. Requests with it are refused from now on.")
    return redirect("keys")


@never_cache
@member_page("keys:write")
@recently_confirmed(keep=("name",))
def access_key_create(request: MemberRequest) -> HttpResponse:
    """Create a key pair and show its secret once."""
    status = 200
    if request.method == "POST":
        form, status = AccessKeyForm(request.POST), 422
        if form.is_valid():
            try:
                key, secret = credentials.create_access_key(
                    membership=request.membership,
                    name=form.cleaned_data["name"],
                    actor=request.actor,
                    at=timezone.now(),
                )
            except Invalid as error:
                refuse(form, error)
            else:
                return _show_key(request, key, secret)
    else:
        form = AccessKeyForm(initial={"name": request.GET.get("name", "")})
    return render(request, "console/access_key_create.html", {"form": form}, status=status)


def _show_key(request: MemberRequest, key: AccessKey, secret: str, replaced: AccessKey | None = None) -> HttpResponse:
    context = {
        "key": key,
        "secret": secret,
        "snippets": snippets.for_access_key(key.access_key_id, secret),
        "replaced": replaced,
    }
    return render(request, "console/access_key_created.html", context)


@never_cache
@member_page("keys:write")
@recently_confirmed(keep=("overlap",))
def access_key_rotate(request: MemberRequest, key_id: str) -> HttpResponse:
    """Put a new key pair in the place of another, which works on for a while; show the new one's secret once."""
    key = get_owned_access_key(organization=request.organization, key_id=key_id)
    status = 200
    if request.method == "POST":
        form, status = ReplaceKeyForm(request.POST), 422
        if form.is_valid():
            try:
                new, secret = credentials.rotate_access_key(
                    key=key,
                    membership=request.membership,
                    overlap=credentials.Overlap(form.cleaned_data["overlap"]),
                    actor=request.actor,
                    at=timezone.now(),
                )
            except Conflict as error:
                refuse(form, error)
                status = status_of(error)
            else:
                key.refresh_from_db()
                return _show_key(request, new, secret, key)
    else:
        form = ReplaceKeyForm(initial={"overlap": _asked_overlap(request)})
    return render(request, "console/access_key_rotate.html", {"form": form, "key": key}, status=status)


@require_POST
@member_page("keys:write")
def access_key_revoke(request: MemberRequest, key_id: str) -> HttpResponse:
    """End a key pair at once. No password is asked: who finds a key leaked must be quick."""
    key = get_owned_access_key(organization=request.organization, key_id=key_id)
    credentials.revoke_access_key(key=key, actor=request.actor, at=timezone.now())
    messages.success(request, f"Access key {key.name} revoked. Requests with it are refused from now on.")
    return redirect("keys")
