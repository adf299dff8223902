"""The description of all APIs: for programs as OpenAPI, for people as pages."""

from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

from marketplace.console.api.problems import unknown_path
from marketplace.console.api.reference import aws_services, sections
from marketplace.console.api.schema import DESCRIPTION, document

_FIRST_CALL = """\
curl "{url}/api/whoami" -H "Authorization: Bearer $TOKEN"
"""


@cache
def _written(kind: str) -> bytes:
    renderer = OpenApiYamlRenderer() if kind == "yaml" else OpenApiJsonRenderer()
    written: bytes = renderer.render(document())
    return written


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Answer the OpenAPI 3.1 document, as JSON or with ?format=yaml or such an Accept as YAML."""
    asked = request.GET.get("format") or ("yaml" if "yaml" in request.headers.get("Accept", "") else "json")
    kind = "yaml" if asked == "yaml" else "json"
    content_type = f"application/vnd.oai.openapi{'+json' if kind == 'json' else ''};version=3.1"
    response = HttpResponse(_written(kind), content_type=content_type)
    response.headers["Content-Disposition"] = f'inline; filename="openapi.{kind}"'
    response.headers["Vary"] = "Accept"
    return response


def _navigation(current: str) -> list[dict[str, object]]:
    entries = [("Overview", "")] + [(section.name, section.slug) for section in sections()]
    entries += [(service.title, service.slug) for service in aws_services()]
    return [{"label": label, "slug": slug, "is_current": slug == current} for label, slug in entries]


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show how to call the API, and every operation in a line."""
    context = {
        "navigation": _navigation(""),
        "sections": sections(),
        "introduction": DESCRIPTION,
        "base_url": settings.PUBLIC_URL,
        "first_call": _FIRST_CALL.format(url=settings.PUBLIC_URL).strip(),
        "services": aws_services(),
    }
    return render(request, "console/api_docs.html", context)


@require_safe
def docs_section(request: HttpRequest, section: str) -> HttpResponse:
    """Show the operations below one heading with parameters, members, answers and a call to paste."""
    service = next((candidate for candidate in aws_services() if candidate.slug == section), None)
    if service is not None:
        context = {"navigation": _navigation(section), "service": service}
        return render(request, "console/api_docs_aws.html", context)
    found = next((candidate for candidate in sections() if candidate.slug == section), None)
    if found is None:
        return unknown_path(request)
    return render(request, "console/api_docs_section.html", {"navigation": _navigation(section), "section": found})
