"""Asking the operator for the approval to publish, where this exchange wants one."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from marketplace.console.operator.forms import PublishRequestForm
from marketplace.core import scopes
from marketplace.core.errors import DomainError
from marketplace.core.middleware import MemberRequest
from marketplace.core.operations.publishers import ask_to_publish
from marketplace.core.pages import member_page, refuse, status_of
from marketplace.core.queries.site import get_site_settings


@member_page("publish:read")
def publishing_approval(request: MemberRequest) -> HttpResponse:
    """Show where the organization stands, and ask."""
    form, status = PublishRequestForm(), 200
    if request.method == "POST":
        scopes.require(scopes.allowed(request.membership), "publish:write")
        form, status = PublishRequestForm(request.POST), 422
        if form.is_valid():
            try:
                ask_to_publish(
                    organization=request.organization,
                    note=form.cleaned_data["note"],
                    actor=request.actor,
                    at=timezone.now(),
                )
            except DomainError as error:
                refuse(form, error)
                status = status_of(error)
            else:
                return redirect("publishing-approval")
    context = {
        "form": form,
        "state": request.organization.publisher_state,
        "is_needed": get_site_settings().approves_publishers,
        "can_ask": "publish:write" in scopes.allowed(request.membership),
    }
    return render(request, "console/publishing_approval.html", context, status=status)
