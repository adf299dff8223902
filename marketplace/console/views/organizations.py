"""Choosing the organization to act for, and founding one."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from marketplace.console.forms import OrganizationForm
from marketplace.core import limits
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.middleware import SESSION_KEY, MemberRequest
from marketplace.core.operations.organizations import create_organization
from marketplace.core.pages import refuse

#: per person; a guard against scripts, far above what people found
FOUNDED, FOUNDED_WINDOW_S = 10, 86_400


@require_POST
@login_required
def organization_switch(request: MemberRequest) -> HttpResponse:
    """Act for another of one's own organizations from now on, in this session."""
    wanted = request.POST.get("organization", "")
    chosen = next((m for m in request.memberships if m.organization_id == wanted), None)
    if chosen is None:
        raise NotFound("ORGANIZATION", wanted)
    request.session[SESSION_KEY] = chosen.organization_id
    messages.success(request, f"You now act for {chosen.organization.name}.")
    return redirect("home")


@login_required
def organization_create(request: MemberRequest) -> HttpResponse:
    """Found an organization, own it, and act for it."""
    form = OrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        limits.count(f"organization:{request.user.pk}", most=FOUNDED, window_s=FOUNDED_WINDOW_S)
        try:
            membership = create_organization(
                name=form.cleaned_data["name"], owner=request.user, actor=request.actor, at=timezone.now()
            )
        except Invalid as error:
            refuse(form, error)
        else:
            request.session[SESSION_KEY] = membership.organization_id
            messages.success(request, f"{membership.organization.name} created. You own it.")
            return redirect("home")
    return render(
        request,
        "console/organization_create.html",
        {"form": form},
        status=422 if request.method == "POST" else 200,
    )
