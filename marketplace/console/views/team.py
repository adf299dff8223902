"""Pages of the team: members, one member, invitations, joining by a link, leaving; and the organization's own page."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.console.confirming import recently_confirmed
from marketplace.console.invited import forget_invitation, remember_invitation, remembered_invitation
from marketplace.console.second_factor import is_required_of
from marketplace.console.team_forms import InvitationForm, OrganizationPageForm, RoleForm
from marketplace.core import limits, roles, scopes
from marketplace.core.errors import Conflict, Denied, Invalid, LimitExceeded
from marketplace.core.middleware import SESSION_KEY, MemberRequest
from marketplace.core.models import Invitation, Role
from marketplace.core.operations import team as operations
from marketplace.core.operations.organizations import update_organization
from marketplace.core.pages import member_page, refuse
from marketplace.core.queries.team import (
    count_owners,
    find_invitation,
    get_member,
    get_owned_invitation,
    is_known_address,
    list_members,
    list_open_invitations,
    list_unsent,
)

PER_PAGE = 40
#: links of invitations that one address may try in a minute
TRIES, TRIES_WINDOW_S = 30, 60


def _can_change(request: MemberRequest) -> bool:
    return "team:write" in scopes.allowed(request.membership)


def _role_words() -> list[tuple[Role, str, str]]:
    return [(role, *roles.ROLE_WORDS[role]) for role in Role]


def _end_words(ended: int) -> str:
    if not ended:
        return "There were no tokens or access keys to revoke."
    return f"{ended} token{pluralize(ended)} and access key{pluralize(ended)} revoked."


@require_safe
@member_page("team:read")
def team(request: MemberRequest) -> HttpResponse:
    """List the members with their roles, and the invitations that wait."""
    text = request.GET.get("q", "").strip()[:100]
    page = Paginator(list_members(organization=request.organization, text=text), PER_PAGE).get_page(
        request.GET.get("page")
    )
    invitations = list(list_open_invitations(organization=request.organization)[: operations.MOST_OPEN])
    can_change, now = _can_change(request), timezone.now()
    given = roles.given_by(request.membership.role)
    unsent = list_unsent(organization=request.organization, invitations=invitations) if can_change else {}
    context = {
        "page": page,
        "members": [(member, can_change and member.role in given) for member in page.object_list],
        "text": text,
        "invitations": [
            (invitation, invitation.expires_at <= now, unsent.get(invitation.pk, ""), invitation.role in given)
            for invitation in invitations
        ],
        "can_change": can_change,
        "is_last_owner": request.membership.role == Role.OWNER and count_owners(organization=request.organization) == 1,
        "role_words": _role_words(),
        "requires_second_factor": is_required_of(request.membership),
    }
    return render(request, "console/team.html", context)


@never_cache
@member_page("team:write")
@recently_confirmed(keep=("role",))
def team_member(request: MemberRequest, member_id: str) -> HttpResponse:
    """Show what can be changed about a member, and change it: role, ownership, membership."""
    member = get_member(organization=request.organization, member_id=member_id)
    given = roles.given_by(request.membership.role)
    now, act = timezone.now(), request.POST.get("act", "role")
    keywords: dict[str, Any] = {"membership": member, "by": request.membership, "actor": request.actor, "at": now}
    form = RoleForm(initial={"role": request.GET.get("role", member.role)}, offered=given)
    status, problem = 200, ""
    if request.method == "POST":
        name = member.user.get_full_name()
        try:
            if act == "remove":
                ended = operations.remove_member(**keywords)
                messages.success(request, f"{name} removed. {_end_words(ended)}")
                return redirect("team")
            if act == "transfer":
                operations.transfer_ownership(**keywords)
                messages.success(request, f"{name} owns {request.organization.name} now. You are an admin.")
                return redirect("team")
            form = RoleForm(request.POST, offered=given)
            if form.is_valid():
                changed = operations.change_role(role=form.cleaned_data["role"], **keywords)
                messages.success(request, f"{name} is {changed.get_role_display().lower()} now.")
                return redirect("team")
            status = 422
        except Conflict as error:
            status, problem = 409, error.message
    context = {
        "member": member,
        "form": form,
        "problem": problem,
        "is_self": member.pk == request.membership.pk,
        "can_touch": member.role in given,
        "can_transfer": request.membership.role == Role.OWNER and member.pk != request.membership.pk,
    }
    return render(request, "console/team_member.html", context, status=status)


@require_POST
@member_page("team:read")
@recently_confirmed(keep=(), back="team")
def team_leave(request: MemberRequest) -> HttpResponse:
    """Leave the organization that one acts for."""
    name = request.organization.name
    try:
        ended = operations.leave_organization(membership=request.membership, actor=request.actor, at=timezone.now())
    except Conflict as error:
        messages.error(request, error.message)
        return redirect("team")
    request.session.pop(SESSION_KEY, None)
    messages.success(request, f"You left {name}. {_end_words(ended)}")
    return redirect("home")


def _invited(request: MemberRequest, invitation: Invitation, secret: str, verb: str) -> HttpResponse:
    """Answer an invitation that has just got a link: where nothing is mailed, the link is shown this once."""
    if settings.SENDS_EMAIL:
        messages.success(request, f"Invitation to {invitation.email} {verb}.")
        return redirect("team")
    context = {"invitation": invitation, "link": operations.link_of(secret)}
    return render(request, "console/team_invited.html", context)


@never_cache
@member_page("team:write")
@recently_confirmed(keep=("email", "role"))
def invitation_create(request: MemberRequest) -> HttpResponse:
    """Invite somebody by e-mail address, with a role."""
    given = roles.given_by(request.membership.role)
    status = 200
    if request.method == "POST":
        form, status = InvitationForm(request.POST, offered=given), 422
        if form.is_valid():
            try:
                invitation, secret = operations.invite_member(
                    organization=request.organization,
                    email=form.cleaned_data["email"],
                    role=form.cleaned_data["role"],
                    by=request.membership,
                    actor=request.actor,
                    at=timezone.now(),
                )
            except (Invalid, Conflict) as error:
                form.add_error(getattr(error, "field", "") or "email", error.message)
            except LimitExceeded as error:
                form.add_error(None, error.message)
            else:
                return _invited(request, invitation, secret, "sent")
    else:
        initial = {"email": request.GET.get("email", ""), "role": request.GET.get("role", Role.VIEWER)}
        form = InvitationForm(initial=initial, offered=given)
    return render(request, "console/team_invite.html", {"form": form}, status=status)


@never_cache
@require_POST
@member_page("team:write")
@recently_confirmed(keep=(), back="team")
def invitation_resend(request: MemberRequest, invitation_id: str) -> HttpResponse:
    """Give an invitation a new link; the one before stops to work."""
    invitation = get_owned_invitation(organization=request.organization, invitation_id=invitation_id)
    invitation, secret = operations.resend_invitation(
        invitation=invitation, by=request.membership, actor=request.actor, at=timezone.now()
    )
    return _invited(request, invitation, secret, "sent again")


@require_POST
@member_page("team:write")
def invitation_revoke(request: MemberRequest, invitation_id: str) -> HttpResponse:
    """End an invitation at once. No password is asked: who has invited the wrong person must be quick."""
    invitation = get_owned_invitation(organization=request.organization, invitation_id=invitation_id)
    operations.revoke_invitation(invitation=invitation, by=request.membership, actor=request.actor, at=timezone.now())
    messages.success(request, f"Invitation to {invitation.email} revoked. Its link no longer works.")
    return redirect("team")


# --- the other side --------------------------------------------------------------------------------------------------
@never_cache
@require_safe
def invitation_open(request: HttpRequest, secret: str) -> HttpResponse:
    """Open the link of an invitation: it is remembered in the session, and the secret leaves the address."""
    limits.count(f"invitation:{request.META.get('REMOTE_ADDR', '')}", most=TRIES, window_s=TRIES_WINDOW_S)
    invitation = find_invitation(secret=secret)
    remember_invitation(request, invitation)
    return redirect("invitation")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """Show the opened invitation, and accept it as the person who is signed in."""
    found = remembered_invitation(request)
    status, problem = 200, ""
    if request.method == "POST":
        if not request.user.is_authenticated or found is None:
            return redirect("invitation")
        try:
            membership = operations.accept_invitation(
                invitation=found,
                user=request.user,  # type: ignore[arg-type]
                actor=request.actor,  # type: ignore[attr-defined]
                at=timezone.now(),
            )
        except (Conflict, Denied) as error:
            status, problem = 403 if isinstance(error, Denied) else 409, error.message
        else:
            forget_invitation(request)
            request.session[SESSION_KEY] = membership.organization_id
            messages.success(request, f"Welcome to {membership.organization.name}.")
            return redirect("home")
    elif found is None and request.user.is_authenticated and getattr(request, "membership", None) is not None:
        return redirect("home")  # it was accepted with signing up
    is_right = found is not None and request.user.is_authenticated and request.user.email == found.email  # type: ignore[union-attr]
    context = {
        "invitation": found,
        "problem": problem,
        "is_right": is_right,
        "is_member": found is not None
        and any(m.organization_id == found.organization_id for m in getattr(request, "memberships", [])),
        "is_known": found is not None and is_known_address(found.email),
        "words": roles.ROLE_WORDS[found.role] if found is not None else ("", ""),
    }
    return render(request, "console/invitation.html", context, status=status)


# --- the organization's own page -------------------------------------------------------------------------------------
@member_page("team:write")
def organization(request: MemberRequest) -> HttpResponse:
    """Show and change what others read about the organization."""
    current = request.organization
    fields = ("name", "about", "website", "support_contact")
    status = 200
    if request.method == "POST":
        form, status = OrganizationPageForm(request.POST), 422
        if form.is_valid():
            try:
                update_organization(organization=current, actor=request.actor, at=timezone.now(), **form.cleaned_data)
            except Invalid as error:
                refuse(form, error)
            else:
                messages.success(request, "Organization saved.")
                return redirect("organization")
    else:
        form = OrganizationPageForm(initial={name: getattr(current, name) for name in fields})
    return render(request, "console/organization.html", {"form": form}, status=status)
