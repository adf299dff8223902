"""Pages of storage connections: connect a bucket, test it, remove it."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from marketplace.console.confirming import recently_confirmed
from marketplace.console.forms import StorageForm
from marketplace.console.queries import count_auto_exports_by_connection
from marketplace.core import limits, scopes
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.middleware import MemberRequest
from marketplace.core.operations.storage import (
    create_storage_connection,
    prove_storage_connection,
    remove_storage_connection,
)
from marketplace.core.pages import member_page, refuse
from marketplace.core.queries.storage import get_storage_connection, list_storage_connections
from marketplace.core.storage import StorageFault

#: per organization; each test opens a connection to an address that the organization chose
TESTS, TESTS_WINDOW_S = 30, 60
#: shown beside the form: the least that a key for deliveries and imports needs
POLICY = """\
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "s3:PutObject",
        "s3:GetObject",
        "s3:DeleteObject"
      ],
      "Resource": "arn:aws:s3:::YOUR-BUCKET/*"
    },
    {
      "Effect": "Allow",
      "Action": "s3:ListBucket",
      "Resource": "arn:aws:s3:::YOUR-BUCKET"
    }
  ]
}
"""


@require_safe
@member_page("subscriptions:read")
def storage(request: MemberRequest) -> HttpResponse:
    """List the connected buckets with their state."""
    used = count_auto_exports_by_connection(organization=request.organization)
    connections = list_storage_connections(organization=request.organization)
    context = {
        "rows": [(c, urlsplit(c.endpoint_url).netloc, used.get(c.pk, 0)) for c in connections],
        "can_change": "subscriptions:write" in scopes.allowed(request.membership),
    }
    return render(request, "console/storage.html", context)


def _safe_next(request: MemberRequest) -> str:
    """Return the path of this site that asked for a bucket, or nothing."""
    wanted = request.POST.get("next", "") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours and wanted.startswith("/") else ""


def _with_connection(path: str, connection_id: str) -> str:
    """Return the path with the new connection chosen."""
    parts = urlsplit(path)
    query = QueryDict(parts.query, mutable=True)
    query["connection"] = connection_id
    return parts._replace(query=query.urlencode()).geturl()


@member_page("subscriptions:write")
@recently_confirmed(keep=("name", "endpoint_url", "region", "bucket", "next"))
def storage_create(request: MemberRequest) -> HttpResponse:
    """Connect a bucket after a test write; each failure stands at the field that mends it."""
    status = 200
    if request.method == "POST":
        form, status = StorageForm(request.POST), 422
        if form.is_valid():
            limits.count(f"storage-test:{request.organization.pk}", most=TESTS, window_s=TESTS_WINDOW_S)
            try:
                connection = create_storage_connection(
                    organization=request.organization, actor=request.actor, at=timezone.now(), **form.cleaned_data
                )
            except (Invalid, Conflict) as error:
                refuse(form, error)
                status = 422 if isinstance(error, Invalid) else 409
            else:
                messages.success(request, f"Connected. A test file was written to {connection.bucket} and deleted.")
                wanted = _safe_next(request)
                if wanted:
                    return HttpResponseRedirect(_with_connection(wanted, connection.pk))
                return redirect("storage")
    else:
        kept = {name: request.GET[name] for name in ("name", "endpoint_url", "region", "bucket") if name in request.GET}
        form = StorageForm(initial={"region": settings.S3_REGION} | kept)
    context = {"form": form, "next": _safe_next(request), "policy": POLICY}
    return render(request, "console/storage_create.html", context, status=status)


@require_POST
@member_page("subscriptions:write")
def storage_test(request: MemberRequest, connection_id: str) -> HttpResponse:
    """Write and delete a test object now, and say how it went."""
    connection = get_storage_connection(organization=request.organization, connection_id=connection_id)
    limits.count(f"storage-test:{request.organization.pk}", most=TESTS, window_s=TESTS_WINDOW_S)
    try:
        prove_storage_connection(connection=connection, at=timezone.now())
    except StorageFault as fault:
        messages.error(request, f"The test of {connection.name} failed. {fault}")
    else:
        messages.success(request, f"{connection.name} works: a test file was written and deleted.")
    return redirect("storage")


@require_POST
@member_page("subscriptions:write")
def storage_remove(request: MemberRequest, connection_id: str) -> HttpResponse:
    """Disconnect a bucket. No password is asked: taking away must be quick, and sends data nowhere."""
    connection = get_storage_connection(organization=request.organization, connection_id=connection_id)
    remove_storage_connection(connection=connection, actor=request.actor, at=timezone.now())
    messages.success(request, f"{connection.name} removed. What was delivered stays in {connection.bucket}.")
    return redirect("storage")
