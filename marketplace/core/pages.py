"""What the views of every application share: who may see a page, and how refusals look."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import get_template

from marketplace.core import audit, scopes
from marketplace.core.errors import Conflict, Denied, DomainError, Invalid, LimitExceeded, NotFound
from marketplace.core.middleware import MemberRequest

View = Callable[..., HttpResponse]
STATUS: dict[type[DomainError], int] = {NotFound: 404, Denied: 403, Conflict: 409, Invalid: 422, LimitExceeded: 429}


def status_of(error: DomainError) -> int:
    """Return the HTTP status of an error's family."""
    return next((status for family, status in STATUS.items() if isinstance(error, family)), 400)


def member_page(scope: str) -> Callable[[View], View]:
    """Let only members in whose role has the scope; others are asked to sign in, or refused with 403."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: MemberRequest, *args: Any, **keywords: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if request.membership is None:
                return redirect("home")
            scopes.require(scopes.allowed(request.membership), scope)
            return view(request, *args, **keywords)

        guarded.required_scope = scope  # type: ignore[attr-defined]
        return guarded

    return decorate


def refuse(form: Form, error: DomainError) -> None:
    """Put a refusal where the person can mend it: at its field, or above the form."""
    field = getattr(error, "field", "")
    form.add_error(field if field in form.fields else None, error.message)


def _record_refusal(request: HttpRequest, error: Denied) -> None:
    organization = getattr(request, "organization", None)
    if organization is None:
        return
    operation = f"page:{request.method} {getattr(request.resolver_match, 'route', '')}"
    audit.record(
        "page.refused",
        actor=request.actor,  # type: ignore[attr-defined]
        subject=organization,
        result="denied",
        detail={"operation": operation, "code": error.code},
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what could not be read: 413 when it was too long, with what to do, else 400. Django's handler400."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        megabytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024 // 1024
        error = Invalid(f"This is more than a form may hold: at most {megabytes} MB of text. Go back and send less.")
        return HttpResponse(get_template("400.html").render({"error": error}), status=413)
    return HttpResponse(get_template("400.html").render(), status=400)


class RefusalMiddleware:
    """Turn a refusal that a page view did not handle itself into a page of its own; programs have their own mapping."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer with the status of the error's family and its sentence."""
        if not isinstance(exception, DomainError):
            return None
        status = status_of(exception)
        if isinstance(exception, Denied):
            _record_refusal(request, exception)
        template = {403: "403.html", 404: "404.html"}.get(status, "400.html")
        return render(request, template, {"error": exception}, status=status)
