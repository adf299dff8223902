"""The description of /api: for programs as OpenAPI, for people as pages."""

from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

from marketplace.console.api.problems import unknown_path
from marketplace.console.api.reference import aws_operations, sections
from marketplace.console.api.schema import DESCRIPTION, document

AWS = "aws-data-exchange"
_FIRST_CALL = """\
curl "{url}/api/whoami" -H "Authorization: Bearer $TOKEN"
"""
_BOTO3 = """\
import boto3

exchange = boto3.client(
    "dataexchange",
    endpoint_url="{url}",
    region_name="{region}",
    aws_access_key_id="YOUR-ACCESS-KEY-ID",
    aws_secret_access_key="YOUR-SECRET-ACCESS-KEY",
)
print(exchange.list_data_sets(Origin="ENTITLED")["DataSets"])
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
    entries.append(("AWS Data Exchange", AWS))
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
        "served": sum(operation.is_served for operation in aws_operations()),
    }
    return render(request, "console/api_docs.html", context)


@require_safe
def docs_section(request: HttpRequest, section: str) -> HttpResponse:
    """Show the operations below one heading with parameters, members, answers and a call to paste."""
    if section == AWS:
        context = {
            "navigation": _navigation(AWS),
            "operations": [operation for operation in aws_operations() if operation.is_served],
            "others": [operation for operation in aws_operations() if not operation.is_served],
            "example": _BOTO3.format(url=settings.PUBLIC_URL, region=settings.S3_REGION).strip(),
        }
        return render(request, "console/api_docs_aws.html", context)
    found = next((candidate for candidate in sections() if candidate.slug == section), None)
    if found is None:
        return unknown_path(request)
    return render(request, "console/api_docs_section.html", {"navigation": _navigation(section), "section": found})
