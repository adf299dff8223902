"""Who may operate the installation from a browser, and what is asked of them first."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from marketplace.console.confirming import is_confirmed, recently_confirmed
from marketplace.core import scopes
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import View, member_page


def operator_page(view: View) -> View:
    """Let only operators see a page; others are asked to sign in or refused with 403, whatever the address names.

    Where the installation requires second factors, console/second_factor.py asks for one first.
    """
    guarded: View = member_page(scopes.OPERATOR)(view)
    return guarded


def operator_form(*keep: str) -> Callable[[View], View]:
    """Let operators see a page; to change something by it they prove who they are, unless they did so lately.

    keep: fields that come back filled after the question.
    """

    def decorate(view: View) -> View:
        asked = recently_confirmed(keep=keep)(view)

        @wraps(view)
        def guarded(request: MemberRequest, *args: Any, **keywords: Any) -> HttpResponse:
            return (asked if request.method == "POST" else view)(request, *args, **keywords)

        return operator_page(guarded)

    return decorate


def operator_act(*, back: str, keep_ids: bool = False) -> Callable[[View], View]:
    """Let operators do something by a POST, after they proved lately who they are.

    back: name of the page that they come back to after the question, to do it again; keep_ids: it has the same ids in
    its path.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: MemberRequest, *args: Any, **keywords: Any) -> HttpResponse:
            if is_confirmed(request):
                return view(request, *args, **keywords)
            messages.info(request, "Nothing was changed yet. Confirm that it is you, then do it again.")
            page = reverse(back, kwargs=keywords if keep_ids else None)
            return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': page})}")

        required: View = require_POST(operator_page(guarded))
        return required

    return decorate
