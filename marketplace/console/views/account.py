"""Pages about oneself that allauth does not have: name and shortcuts, and where one is signed in."""

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.console.account_forms import ProfileForm
from marketplace.console.sessions import end_other_sessions, end_session, list_sessions
from marketplace.core.errors import Invalid
from marketplace.core.middleware import MemberRequest
from marketplace.core.operations.organizations import update_user
from marketplace.core.pages import refuse


@login_required
def account(request: MemberRequest) -> HttpResponse:
    """Show and change what others read about oneself, and how pages behave."""
    user = request.user
    status = 200
    if request.method == "POST":
        form, status = ProfileForm(request.POST), 422
        if form.is_valid():
            try:
                update_user(user=user, **form.cleaned_data)
            except Invalid as error:
                refuse(form, error)
            else:
                messages.success(request, "Profile saved.")
                return redirect("account")
    else:
        form = ProfileForm(initial={"name": user.name, "uses_shortcuts": user.uses_shortcuts})
    return render(request, "account/profile.html", {"form": form}, status=status)


@never_cache
@require_safe
@login_required
def account_sessions(request: MemberRequest) -> HttpResponse:
    """List where one is signed in."""
    key = request.session.session_key or ""
    found = list_sessions(user=request.user, current_key=key, at=timezone.now())
    return render(request, "account/sessions.html", {"sessions": found, "others": sum(not s.is_current for s in found)})


@require_POST
@login_required
def account_session_end(request: MemberRequest, session_id: int) -> HttpResponse:
    """Sign out in one place. No password is asked: who has lost a device must be quick."""
    key = request.session.session_key or ""
    mine = {s.id: s for s in list_sessions(user=request.user, current_key=key, at=timezone.now())}
    end_session(user=request.user, session_id=session_id)
    if session_id in mine and mine[session_id].is_current:
        logout(request)
        return redirect("front")
    messages.success(request, "Signed out there.")
    return redirect("account-sessions")


@require_POST
@login_required
def account_sessions_end(request: MemberRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    ended = end_other_sessions(user=request.user, current_key=request.session.session_key)
    messages.success(request, f"Signed out in {ended} other place{'' if ended == 1 else 's'}.")
    return redirect("account-sessions")
