"""The OpenAPI description: /api from its operations, the AWS-shaped APIs from their service models."""

from functools import cache
from inspect import getdoc
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from marketplace.awsapi import idempotency, openapi, registry
from marketplace.awsapi.scopes import OPERATION_SCOPES
from marketplace.awsapi.service import MODELS, load_service, read_model
from marketplace.console.api import data_schema
from marketplace.console.api.authentication import ANY_MEMBER, PUBLIC
from marketplace.core import scopes

#: heading -> what stands below it, in the order of the documentation
TAGS: dict[str, str] = {
    "Account": "Who the credentials belong to, and what they may do.",
    "Catalogue": "What is on offer. Anybody may read it.",
    "Saved searches": "Searches of the catalogue that you keep, and are told of new matches.",
    "Data requests": "Data that organizations look for and the catalogue does not have, and what publishers answer.",
    "Subscriptions": "Accept an offer, and see what your organization may read because of it.",
    "Subscription requests": "Ask for a product whose publisher decides who subscribes, and decide as its publisher.",
    "Data grants": "Share a data set directly with one organization, or accept what was shared with you.",
    "Storage connections": "Buckets of your own that the exchange delivers to and imports from.",
    "Auto-exports": "Deliver each new revision of an entitled data set to a bucket.",
    "Deliveries": "Exports, their progress, and the receipt of every object; also as the publisher sees them.",
    "Products": "What you publish: pages, terms, data sets, and whether they are in the catalogue.",
    "Product files": "Samples, documents and images of a product, its dictionary, and who sees a private one.",
    "Data sets": "Take back and delete what nobody has yet. The rest of data sets is on the AWS-shaped API.",
    "Events": "What your organization is told: revisions, deliveries, data grants and publishers' notices, for 90 days.",
    "Notifications": "What you as a member were told in the inbox and by mail, and what you want to be told.",
    "Webhooks": "Have events sent to an address of yours, signed as Standard Webhooks says, and send them again.",
    "Source connections": "Databases and lake catalogues of your own whose tables you publish without copying them.",
    "Imports": "Bring a file from a URL into a draft revision.",
    "Credentials": "API tokens and access keys of your organization.",
    "Team": "Members of your organization, whom you invite, and what others read about you.",
    "Audit log": "What was done and refused in your organization, in a chain that shows every change.",
    "Operator": "Run the installation: its look, approvals, organizations and users, health. For its operators only.",
    data_schema.TAG: "Rows and files of the data sets that you are entitled to.",
}
DESCRIPTION = """\
The marketplace's own API: catalogue, products, subscriptions, storage connections, auto-exports, deliveries, events,
webhooks and credentials.

**Data sets, revisions, assets and jobs** are on the AWS-shaped API of the same host (`/v1/data-sets`, `/v1/jobs`, …): use
any AWS SDK with `endpoint_url`, or plain HTTP by the description here, which is made from the service model. Rows and
files of entitled data are below `/data`.

**Credentials.** `Authorization: Bearer ent…`, or a Signature Version 4 with an access key (service `dataexchange`). Each
operation names the scope that it needs.

The three paragraphs below are about `/api`; the AWS-shaped operations keep AWS's own rules of paging, refusal and retry.

**Lists** answer `{"items": […], "next_cursor": …}`; ask with `?limit=` (1 to 200) and `?cursor=` until `next_cursor` is null.
A cursor works for 24 hours and only for the question that it came from.

**Errors** are RFC 9457 problem details: `code` is a stable word for programs, `errors` names the members that are wrong, and
`request_id` is what the operator finds in the log. Members that are not described here are refused.

**Retries.** Give each POST an `Idempotency-Key` of your own. The same key with the same parameters answers for 24 hours what
it answered first, with `Idempotency-Replayed: true`, and does nothing again; with other parameters it is refused (422); while
the first request still runs, 409 with `Retry-After`. A refused request frees its key. An answer that held a secret is not
kept: its repetition is refused with the id of what was created.
"""
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Any text of 1 to 255 visible characters. Repeating the request with it has no second effect.",
)


class Problem(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="A sentence for people.")
    instance = serializers.CharField(required=False)
    code = serializers.CharField(help_text="A stable word for programs.")
    request_id = serializers.CharField()
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.DictField(child=serializers.CharField()),
        required=False,
        help_text="`field` and `detail` of each member that is wrong.",
    )
    resource_type = serializers.CharField(required=False)
    resource_id = serializers.CharField(required=False)
    limit_name = serializers.CharField(required=False)
    limit_value = serializers.FloatField(required=False)


class ApiSchema(AutoSchema):
    """Describe an operation by its declaration and the docstring of its handler."""

    def _handler(self) -> Any:
        return getattr(self.view, self.method.lower())

    def get_tags(self) -> list[str]:
        """Return the heading of the view."""
        view: Any = self.view
        return [view.tag]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        """Return the name of a shape: that of its noun."""
        return str(super().get_serializer_name(serializer, direction)).removesuffix("Shape")

    def get_summary(self) -> str:
        """Return the first line of the docstring."""
        return (getdoc(self._handler()) or "").split("\n")[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]
        """Return the rest of the docstring, and the scope in words."""
        rest = "\n".join((getdoc(self._handler()) or "").split("\n")[1:]).strip()
        scope = self._handler().required_scope
        if scope == PUBLIC:
            needs = "Needs no credentials."
        elif scope == ANY_MEMBER:
            needs = "Any credentials will do."
        else:
            needs = f"Needs the scope `{scope}`: {scopes.SCOPES[scope].lower()}."
        return f"{rest}\n\n{needs}".strip()

    def get_override_parameters(self) -> list[Any]:
        """Return the header that every POST takes."""
        is_repeatable = self.method == "POST" and self._handler().required_scope != PUBLIC
        return [IDEMPOTENCY_KEY] if is_repeatable else []

    def get_auth(self) -> list[dict[str, Any]]:
        """Return the ways to sign in; the public operations also go without."""
        ways = super().get_auth()
        return [*ways, {}] if self._handler().required_scope == PUBLIC else ways


class MachineScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe bearer tokens and signatures."""

    target_class = "marketplace.console.api.authentication.MachineAuthentication"
    name = ["token", "signature"]  # type: ignore[assignment]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        """Return the two as alternatives."""
        return [{"token": []}, {"signature": []}]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:  # type: ignore[override]
        """Return the two schemes."""
        return [
            {"type": "http", "scheme": "bearer", "description": "An API token, `entt_…`."},
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "AWS Signature Version 4 with an access key; service `dataexchange`, or the signing name of "
                "the API that is called.",
                "x-amazon-apigateway-authtype": "awsSigv4",
            },
        ]


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe the browser's session."""

    target_class = "marketplace.console.api.authentication.MemberSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the cookie."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "A signed-in person; changes need a CSRF token in `X-CSRFToken`.",
        }


def add_frame(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add what stands around the operations: address, description and headings. A hook of drf-spectacular."""
    result["info"]["description"] = DESCRIPTION
    result["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    result["servers"] = [{"url": settings.PUBLIC_URL}]
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    openapi.merge(result, data_schema.described())
    for name in described_services():
        part = openapi.describe(
            load_service(name),
            read_model(*MODELS[name]),
            scopes=OPERATION_SCOPES[name],
            served=registry.served(name),
            repeatable=repeatable(name),
            beyond=beyond(name),
        )
        openapi.merge(result, part)
    return result


def repeatable(service: str) -> frozenset[str]:
    """Return the operations of a service that take an Idempotency-Key."""
    headers = {idempotency.HEADER.lower(): "key"}
    operations = load_service(service).operations.values()
    return frozenset(o.name for o in operations if idempotency.key_of(o, headers=headers, body=b"") is not None)


def beyond(service: str) -> dict[str, str]:
    """Return what handlers say in their docstrings that they offer beyond AWS, by operation."""
    found = {}
    for operation in load_service(service).operations.values():
        text = getdoc(registry.find(operation)) or ""
        if text.startswith("Beyond AWS"):
            found[operation.name] = " ".join(text.split())
    return found


def described_services() -> list[str]:
    """Return the names of the services whose operations have paths of their own, which OpenAPI can describe."""
    return [name for name in MODELS if load_service(name).protocol == "rest-json"]


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document; the same for everybody, so it is made once per process."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made
