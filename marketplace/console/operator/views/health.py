"""How the installation is, live; what to do with parked work; a test of e-mail; figures for Prometheus."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.awsapi.authentication import AuthenticationFailed, authenticate, presents_credentials
from marketplace.console.api.authentication import SIGNING_NAMES
from marketplace.console.operator import health
from marketplace.console.operator.guard import operator_act, operator_page
from marketplace.console.operator.mail_check import send_test_mail
from marketplace.console.operator.metrics import CONTENT_TYPE, exposition
from marketplace.console.operator.views.frame import show
from marketplace.console.operator.views.overview import parts_of
from marketplace.core import scopes
from marketplace.core.errors import Denied, NotFound
from marketplace.core.limits import TooManyRequests
from marketplace.core.middleware import MemberRequest
from marketplace.core.operations import parked
from marketplace.core.problems import not_authenticated, problem_of, problem_response


def _page(request: MemberRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    measured = health.measure(at=timezone.now())
    context = {"health": measured, "parts": parts_of(measured), "parked": health.parked_work()}
    return show(request, "operator/health.html", "health", context | more, status=status)


@require_safe
@never_cache
@operator_page
def operator_health(request: MemberRequest) -> HttpResponse:
    """Show every part; the page asks again every five seconds while it is looked at."""
    return _page(request)


@operator_act(back="operator-health")
def email_test(request: MemberRequest) -> HttpResponse:
    """Send a mail to the operator who asks, and show what the mail server said."""
    try:
        answer = send_test_mail(address=request.user.email, user_id=request.user.pk, at=timezone.now())
    except TooManyRequests as error:
        messages.error(request, error.message)
        return redirect("operator-health")
    return _page(request, mail_answer=answer)


@operator_act(back="operator-health")
def work_run_again(request: MemberRequest, item_id: int) -> HttpResponse:
    """Have parked work run again."""
    return _act(request, item_id, parked.run_again, "It runs again now.")


@operator_act(back="operator-health")
def work_give_up(request: MemberRequest, item_id: int) -> HttpResponse:
    """End parked work for good."""
    return _act(request, item_id, parked.give_up, "Given up. It will not run again.")


def _act(request: MemberRequest, item_id: int, act: Any, done: str) -> HttpResponse:
    try:
        act(item_id=item_id, actor=request.actor, at=timezone.now())
    except NotFound:
        messages.warning(request, "This work is not parked any more: somebody else has dealt with it.")
    else:
        messages.success(request, done)
    return redirect("operator-health")


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the figures of health for Prometheus, to a token with the operator's scope."""
    if not presents_credentials(request):
        return problem_response(not_authenticated(), request)
    try:
        found = authenticate(request, services=SIGNING_NAMES)
        scopes.require(found.scopes, scopes.OPERATOR)
    except AuthenticationFailed as error:
        return problem_response(not_authenticated(error.message), request)
    except Denied as error:
        return problem_response(problem_of(error), request)
    return HttpResponse(exposition(health.measure(at=timezone.now())), content_type=CONTENT_TYPE)
