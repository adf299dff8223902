"""Pages of tokens and access keys. A secret stands on the answer to the POST that made it, and nowhere else."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.console import snippets
from marketplace.console.confirming import recently_confirmed
from marketplace.console.forms import AccessKeyForm, TokenForm
from marketplace.core import scopes
from marketplace.core.errors import Invalid
from marketplace.core.middleware import MemberRequest
from marketplace.core.operations import credentials
from marketplace.core.pages import member_page, refuse
from marketplace.core.queries.credentials import (
    get_owned_access_key,
    get_owned_api_token,
    list_access_keys,
    list_api_tokens,
)

#: a token that ends within this time is marked, so that it is replaced before programs stop
SOON = timedelta(days=14)


@require_safe
@member_page("keys:write")
def keys(request: MemberRequest) -> HttpResponse:
    """List the living tokens and access keys of the organization."""
    now = timezone.now()
    tokens = [
        (
            token,
            [] if set(token.scopes) == scopes.ALL else token.scopes,
            "expired" if token.expires_at <= now else "soon" if token.expires_at <= now + SOON else "",
        )
        for token in list_api_tokens(organization=request.organization)
    ]
    context = {"tokens": tokens, "access_keys": list(list_access_keys(organization=request.organization))}
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
                context = {
                    "key": key,
                    "secret": secret,
                    "snippets": snippets.for_access_key(key.access_key_id, secret),
                }
                return render(request, "console/access_key_created.html", context)
    else:
        form = AccessKeyForm(initial={"name": request.GET.get("name", "")})
    return render(request, "console/access_key_create.html", {"form": form}, status=status)


@require_POST
@member_page("keys:write")
def access_key_revoke(request: MemberRequest, key_id: str) -> HttpResponse:
    """End a key pair at once. No password is asked: who finds a key leaked must be quick."""
    key = get_owned_access_key(organization=request.organization, key_id=key_id)
    credentials.revoke_access_key(key=key, actor=request.actor, at=timezone.now())
    messages.success(request, f"Access key {key.name} revoked. Requests with it are refused from now on.")
    return redirect("keys")
