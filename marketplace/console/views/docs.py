"""The guide inside the product."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs.forms import pattern_variables
from marketplace.console.snippets import for_documentation
from marketplace.core import scopes
from marketplace.core.operations.credentials import LONGEST_LIFE


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Explain the exchange to publishers, subscribers and their programs; everybody may read it."""
    context = {
        "public_url": settings.PUBLIC_URL,
        "region": settings.S3_REGION,
        "snippets": for_documentation(),
        "scopes": scopes.SCOPES.items(),
        "quotas": settings.QUOTAS.items(),
        "variables": pattern_variables(),
        "longest_days": LONGEST_LIFE.days,
    }
    return render(request, "console/docs.html", context)
