"""Asks who somebody is again before they hand out keys or name a destination for data."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from marketplace.core.middleware import MemberRequest

View = Callable[..., HttpResponse]


def is_confirmed(request: MemberRequest) -> bool:
    """Return True when password or second factor was given within ACCOUNT_REAUTHENTICATION_TIMEOUT, signing in included."""
    records = get_authentication_records(request, request.user)
    return bool(records) and time.time() - records[-1]["at"] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def recently_confirmed(*, keep: tuple[str, ...], back: str = "") -> Callable[[View], View]:
    """Let only those in who proved lately who they are; others are asked first.

    keep: fields of a form that come back filled after the question. allauth would keep the whole form in the session,
    and with it the secret of somebody's bucket; so secrets are left out here and typed again.
    back: name of the page to come back to, for acts without a page of their own.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: MemberRequest, *args: Any, **keywords: Any) -> HttpResponse:
            if is_confirmed(request):
                return view(request, *args, **keywords)
            next_page = reverse(back) if back else request.get_full_path()
            if request.method == "POST" and not back:
                filled = [(name, value) for name in keep for value in request.POST.getlist(name)]
                next_page = f"{request.path}?{urlencode(filled)}"
            return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': next_page})}")

        return guarded

    return decorate
