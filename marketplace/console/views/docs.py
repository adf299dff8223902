"""The guide inside the product."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs.forms import pattern_variables
from marketplace.console.guides import GUIDES, get_guide, render_guide
from marketplace.console.snippets import for_documentation
from marketplace.core import scopes
from marketplace.core.operations.credentials import LONGEST_LIFE


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the way into the documentation; everybody may read it."""
    return render(request, "console/docs.html", {"guides": GUIDES})


@require_safe
def guide(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one guide of docs/."""
    found = get_guide(slug)
    context = {"guide": found, "guides": GUIDES, "rendered": render_guide(found)}
    return render(request, "console/guide.html", context)


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Explain what programs and careful readers look up: receipts, key patterns, scopes, errors, limits."""
    context = {
        "public_url": settings.PUBLIC_URL,
        "region": settings.S3_REGION,
        "snippets": for_documentation(),
        "guides": GUIDES,
        "scopes": scopes.SCOPES.items(),
        "quotas": settings.QUOTAS.items(),
        "variables": pattern_variables(),
        "longest_days": LONGEST_LIFE.days,
    }
    return render(request, "console/docs_reference.html", context)
