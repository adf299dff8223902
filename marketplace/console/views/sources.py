"""Pages of registered databases and lake catalogues: register one, test it, remove it."""

from collections.abc import Callable

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from jobs.operations.data_shares import share_arn
from jobs.operations.tag_policies import role_arn_of
from marketplace.console.confirming import recently_confirmed
from marketplace.console.source_forms import CatalogueForm, DatabaseForm
from marketplace.core import limits, scopes
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.middleware import MemberRequest
from marketplace.core.models import SourceConnection, SourceKind
from marketplace.core.operations.sources import (
    TESTS,
    TESTS_WINDOW_S,
    create_iceberg_source,
    create_postgresql_source,
    prove_source_connection,
    remove_source_connection,
)
from marketplace.core.pages import member_page, refuse
from marketplace.core.queries.sources import get_source_connection, list_source_connections
from marketplace.core.sources import SourceFault

#: `?kind=` -> form, what registers what it holds
KINDS: dict[str, tuple[type[Form], Callable[..., SourceConnection]]] = {
    "database": (DatabaseForm, create_postgresql_source),
    "catalogue": (CatalogueForm, create_iceberg_source),
}
KEPT = (
    *("name", "host", "port", "database", "username", "sslmode"),
    *("uri", "warehouse", "prefix", "authentication", "client_id", "oauth_scope", "token_url"),
)
#: shown beside the form: the least that the user of a database needs
GRANTS = """\
CREATE ROLE exchange LOGIN PASSWORD '…';
GRANT USAGE ON SCHEMA sales TO exchange;
GRANT SELECT ON sales.orders TO exchange;
"""


def _arn_of(request: MemberRequest, connection: SourceConnection) -> str:
    """Return how an import names the source."""
    if connection.kind == SourceKind.POSTGRESQL:
        return share_arn(organization=request.organization, connection_id=connection.pk, name="SCHEMA.TABLE")
    return role_arn_of(organization=request.organization, connection_id=connection.pk)


@require_safe
@member_page("publish:read")
def sources(request: MemberRequest) -> HttpResponse:
    """List the registered databases and catalogues with their state."""
    rows = list_source_connections(organization=request.organization)
    context = {
        "rows": [(row, _arn_of(request, row)) for row in rows],
        "can_change": "publish:write" in scopes.allowed(request.membership),
    }
    return render(request, "console/sources.html", context)


@member_page("publish:write")
@recently_confirmed(keep=("kind", *KEPT))
def source_create(request: MemberRequest) -> HttpResponse:
    """Register a source after a test; each failure stands at the field that mends it."""
    asked = request.POST.get("kind", "") or request.GET.get("kind", "")
    kind = asked if asked in KINDS else "database"
    form_class, create = KINDS[kind]
    status = 200
    if request.method == "POST":
        form, status = form_class(request.POST), 422
        if form.is_valid():
            limits.count(f"source-test:{request.organization.pk}", most=TESTS, window_s=TESTS_WINDOW_S)
            try:
                create(organization=request.organization, actor=request.actor, at=timezone.now(), **form.cleaned_data)
            except (Invalid, Conflict) as error:
                refuse(form, error)
                status = 422 if isinstance(error, Invalid) else 409
            else:
                messages.success(request, "Registered. We signed in and could read.")
                return redirect("sources")
    else:
        kept = {name: request.GET[name] for name in KEPT if name in request.GET}
        form = form_class(initial={name: field.initial for name, field in form_class.base_fields.items()} | kept)
    path = reverse("source-create")
    tabs = [
        {"label": "PostgreSQL database", "url": f"{path}?kind=database", "current": kind == "database"},
        {"label": "Iceberg catalogue", "url": f"{path}?kind=catalogue", "current": kind == "catalogue"},
    ]
    context = {"form": form, "kind": kind, "tabs": tabs, "grants": GRANTS}
    return render(request, "console/sources_create.html", context, status=status)


@require_POST
@member_page("publish:write")
def source_test(request: MemberRequest, source_id: str) -> HttpResponse:
    """Sign in and read now, and say how it went."""
    connection = get_source_connection(organization=request.organization, connection_id=source_id)
    limits.count(f"source-test:{request.organization.pk}", most=TESTS, window_s=TESTS_WINDOW_S)
    try:
        prove_source_connection(connection=connection, at=timezone.now())
    except SourceFault as fault:
        messages.error(request, f"The test of {connection.name} failed. {fault}")
    else:
        messages.success(request, f"{connection.name} works: we signed in and could read.")
    return redirect("sources")


@require_POST
@member_page("publish:write")
def source_remove(request: MemberRequest, source_id: str) -> HttpResponse:
    """Forget a source. No password is asked: taking away must be quick, and sends data nowhere."""
    connection = get_source_connection(organization=request.organization, connection_id=source_id)
    remove_source_connection(connection=connection, actor=request.actor, at=timezone.now())
    messages.success(request, f"{connection.name} removed, and its credentials forgotten.")
    return redirect("sources")
