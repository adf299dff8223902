"""The description of the APIs: valid OpenAPI without warnings, and pages and guide made from it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
from jsonschema import Draft202012Validator

from dataapi import urls as data_urls
from dataapi import views as data_views
from marketplace.awsapi import openapi, registry
from marketplace.awsapi.plaintext import markdown
from marketplace.awsapi.scopes import OPERATION_SCOPES
from marketplace.awsapi.service import MODELS, build_service, load_service, read_model
from marketplace.console.api.reference import aws_services, sections
from marketplace.console.api.schema import TAGS, described_services, document, repeatable
from marketplace.core.markdown import render_markdown
from tests.parts import ROOT

pytestmark = pytest.mark.django_db


def own_operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield method and description of each operation below /api."""
    for path, methods in document()["paths"].items():
        if path.startswith("/api/"):
            yield from methods.items()


def every_schema(part: Any) -> Iterator[dict[str, Any]]:
    """Yield each object below a part of the document that a `$ref` may stand in."""
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from every_schema(value)
    elif isinstance(part, list):
        for value in part:
            yield from every_schema(value)


def test_the_schema_is_valid_and_made_without_warnings(tmp_path):
    target = tmp_path / "schema.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(target))
    assert yaml.safe_load(target.read_text())["openapi"] == "3.1.0"


def test_the_schema_is_served_as_json_and_as_yaml(client):
    as_json = client.get("/api/schema/")
    as_yaml = client.get("/api/schema/?format=yaml")
    assert as_json.headers["Content-Type"] == "application/vnd.oai.openapi+json;version=3.1"
    assert as_yaml.headers["Content-Type"] == "application/vnd.oai.openapi;version=3.1"
    assert json.loads(as_json.content)["paths"] == yaml.safe_load(as_yaml.content)["paths"]
    assert "/v1/data-sets" in json.loads(as_json.content)["info"]["description"]


def test_every_operation_is_described_once_with_a_summary_a_problem_and_a_known_heading():
    ids = []
    for method, operation in own_operations():
        ids.append(operation["operationId"])
        assert operation["summary"]
        assert operation["tags"][0] in TAGS
        assert list(operation["responses"]["default"]["content"]) == ["application/problem+json"]
        names = [p["name"] for p in operation.get("parameters", [])]
        assert ("Idempotency-Key" in names) == (method == "post")
    assert len(ids) == len(set(ids)) >= 44


def test_the_overview_names_every_operation(client):
    page = client.get(reverse("api-docs")).content.decode()
    for section in sections():
        for operation in section.operations:
            assert f'{reverse("api-docs-section", args=[section.slug])}#{operation.anchor}"' in page


def test_each_section_shows_fields_answers_and_a_call(client):
    for section in sections():
        page = client.get(reverse("api-docs-section", args=[section.slug]))
        assert page.status_code == 200
        text = page.content.decode()
        for operation in section.operations:
            assert f'id="{operation.anchor}"' in text
            for member in operation.members + operation.parameters:
                assert f"<code>{member.name}</code>" in text
        assert text.count("<") < 3 * 1500
        for shape in section.shapes:
            assert f'id="{shape.anchor}"' in text


def test_a_call_of_the_documentation_can_be_pasted():
    (create,) = [o for s in sections() for o in s.operations if o.anchor == "create-subscription"]
    assert create.curl.splitlines()[1:] == [
        '  -H "Authorization: Bearer $TOKEN" \\',
        '  -H "Idempotency-Key: $(uuidgen)" \\',
        '  -H "Content-Type: application/json" \\',
        '  -d \'{"accept_terms": true, "offer_version_id": "YOUR-OFFER-VERSION-ID", "product_id": "YOUR-PRODUCT-ID"}\'',
    ]


def test_every_reference_of_the_document_resolves_and_every_label_of_a_path_is_a_parameter():
    made = document()
    for part in every_schema(made):
        if "$ref" in part:
            _, kind, name = part["$ref"].removeprefix("#/").split("/")
            assert name in made["components"][kind]
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            labels = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert labels == set(re.findall(r"{([^}]+)}", path)), f"{method} {path}"
    for schema in made["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", described_services())
def test_every_operation_of_a_service_is_in_the_document(name):
    service = load_service(name)
    for operation in service.operations.values():
        described = document()["paths"][openapi.template(operation)][operation.method.lower()]
        assert described["operationId"] == f"{name}.{operation.name}"
        assert described["security"] == [{"token": []}, {"signature": []}]
        assert all(f"`{scope}`" in described["description"] for scope in OPERATION_SCOPES[name][operation.name])
        is_served = registry.find(operation) is not None
        assert (str(operation.status) in described["responses"]) == is_served
        assert ("501" in described["responses"]) != is_served
        codes = {
            code
            for status, answer in described["responses"].items()
            if "$ref" in answer
            for code in document()["components"]["responses"][answer["$ref"].rpartition("/")[2]]["headers"][
                "x-amzn-errortype"
            ]["schema"]["enum"]
        }
        assert {shape.error_code for shape in operation.errors} <= codes
        members = operation.input.members.values() if operation.input is not None else ()
        names = {p["name"] for p in described.get("parameters", [])}
        assert ("Idempotency-Key" in names) == (operation.name in repeatable(name))
        assert names - {"Idempotency-Key"} == {
            member.wire_name or member.name for member in members if member.location in {"uri", "querystring", "header"}
        }


def test_shapes_carry_bounds_patterns_enums_requirements_and_texts():
    schemas = document()["components"]["schemas"]
    created = schemas["dataexchange.CreateDataSetRequest"]
    assert created["required"] == ["AssetType", "Description", "Name"]
    name = created["properties"]["Name"]
    assert (name["minLength"], name["maxLength"], name["description"]) == (1, 256, "The name of the data set.")
    assert schemas["dataexchange.AssetType"]["enum"] == list(load_service("dataexchange").shapes["AssetType"].enum)
    revoked = schemas["dataexchange.RevokeRevisionRequest"]["properties"]["RevocationComment"]
    assert (revoked["minLength"], revoked["maxLength"]) == (10, 512)
    grant = schemas["dataexchange.CreateDataGrantRequest"]["properties"]
    assert grant["ReceiverPrincipal"]["pattern"] == r"^(?:\d{12})$"
    assert grant["EndsAt"]["format"] == "date-time"
    # what stands in the path or the query is not in the body
    assert set(schemas["dataexchange.UpdateRevisionRequest"]["properties"]) == {"Comment", "Finalized"}
    limit = schemas["dataexchange.ServiceLimitExceededException"]["properties"]
    assert set(limit) == {"Message", "LimitName", "LimitValue"}
    assert len(schemas["dataexchange.LimitName"]["enum"]) == 30


MODEL = {
    "metadata": {"apiVersion": "1", "protocol": "rest-json", "serviceId": "Trees", "endpointPrefix": "trees"},
    "documentation": "<p>Trees.</p>",
    "operations": {
        "Put": {
            "http": {"method": "PUT", "requestUri": "/trees/{Name+}?plant"},
            "input": {"shape": "PutRequest"},
            "errors": [{"shape": "Felled"}],
        }
    },
    "shapes": {
        "PutRequest": {
            "type": "structure",
            "required": ["Name", "Choice"],
            "members": {
                "Name": {"shape": "Name", "location": "uri", "locationName": "Name"},
                "Choice": {
                    "shape": "Choice",
                    "locationName": "choice",
                    "documentation": "<p>One of <code>two</code>.</p>",
                },
            },
        },
        "Name": {"type": "string", "pattern": "[a-z]+"},
        "Choice": {
            "type": "structure",
            "union": True,
            "members": {"Leaf": {"shape": "Name"}, "Twigs": {"shape": "Twigs"}},
        },
        "Twigs": {"type": "list", "member": {"shape": "Choice"}, "max": 3},
        "Felled": {"type": "structure", "members": {}, "exception": True, "error": {"httpStatusCode": 410}},
    },
}


def test_data_is_described_with_every_path_that_is_mounted():
    mounted = {
        re.sub(r"<[a-z_]+:([a-z_]+)>", r"{\1}", f"/data/{route.pattern}")
        for route in data_urls.urlpatterns
        if route.callback is not data_views.unknown_path
    }
    described = {path for path in document()["paths"] if path.startswith("/data/")}
    assert described == {path for path in mounted if "{token}" not in path}


def test_what_is_offered_beyond_aws_is_said():
    described = document()["paths"]["/v1/jobs/{JobId}"]["get"]["description"]
    assert "Beyond AWS, `?wait=30` answers when the job has ended" in described


def test_unions_are_exactly_one_of_their_members_and_shapes_may_hold_themselves():
    part = openapi.describe(
        build_service("trees", MODEL), MODEL, scopes={"Put": frozenset({"publish:write"})}, served=frozenset({"Put"})
    )
    put = part["paths"]["/trees/{Name}"]["put"]
    assert (put["parameters"][0]["name"], put["requestBody"]["required"]) == ("Name", True)
    choice = part["components"]["schemas"]["trees.Choice"]
    assert choice["oneOf"] == [{"required": ["Leaf"]}, {"required": ["Twigs"]}]
    assert choice["properties"]["Twigs"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/trees.Choice"},
        "maxItems": 3,
    }
    request = part["components"]["schemas"]["trees.PutRequest"]
    assert request["properties"]["choice"]["description"] == "One of `two`."
    assert request["required"] == ["choice"]
    assert put["responses"]["410"] == {"$ref": "#/components/responses/trees.410"}
    with pytest.raises(openapi.PathTaken, match=r"PUT /trees/\{Name\}"):
        openapi.merge({"paths": {"/trees/{Name}": {"put": {"operationId": "other"}}}}, part)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One.</p> <p>Two &lt;b&gt; <i>and</i> *more*.</p>", "One.\n\nTwo \\<b> *and* \\*more\\*."),
        ("<ul> <li> <p> <code>A_B</code> first</p> </li> <li>second</li> </ul>", "- `A_B` first\n- second"),
        ('<p>See <a href="https://example.org/x">there</a>.</p>', "See [there](https://example.org/x)."),
        ('<p>See <a href="javascript:alert(1)">there</a>.</p>', "See there."),
        ("<p>x</p><script>alert(1)</script>", "x\n\nalert(1)"),
    ],
)
def test_the_models_html_becomes_markdown(html, text):
    assert markdown(html) == text


@pytest.mark.parametrize("service", MODELS)
def test_no_text_of_a_model_keeps_html(service):
    for part in every_schema(read_model(*MODELS[service])):
        if isinstance(part.get("documentation"), str):
            made = markdown(part["documentation"])
            assert not re.search(
                r"(?<!\\\\)</?(p|a|code|ul|li|note|important|i|b)[ >]", re.sub(r"`[^`]*`", "", made)
            ), made
            assert "&lt;p&gt;" not in str(render_markdown(made))


def test_the_aws_shaped_operations_are_shown_in_full_with_what_is_served(client):
    for service in aws_services():
        page = client.get(reverse("api-docs-section", args=[service.slug])).content.decode()
        overview = client.get(reverse("api-docs")).content.decode()
        assert {operation.name for operation in service.operations} == set(load_service_of(service.client).operations)
        for operation in service.operations:
            assert operation.name in page
        for operation in service.served:
            assert f'{reverse("api-docs-section", args=[service.slug])}#{operation.name}"' in overview
        for operation in service.described:
            assert f'id="{operation.anchor}"' in page
            for member in operation.members + operation.parameters:
                assert f"<code>{member.name}</code>" in page
        for shape in service.shapes:
            assert f'id="{shape.anchor}"' in page
    (exchange,) = (service for service in aws_services() if service.client == "dataexchange")
    assert {"CreateDataSet", "CreateJob", "CreateEventAction"} <= {operation.name for operation in exchange.served}
    assert len(exchange.operations) == 37
    assert len(exchange.described) == len(exchange.served)


def load_service_of(client: str):
    return next(load_service(name) for name, (directory, _) in MODELS.items() if directory == client)


def test_a_call_of_an_aws_shaped_operation_can_be_pasted():
    calls = {
        o.summary: o.curl for service in aws_services() for o in service.described if service.client == "dataexchange"
    }
    assert calls["CreateEventAction"].splitlines() == [
        f'curl -X POST "{settings.PUBLIC_URL}/v1/event-actions" \\',
        '  -H "Authorization: Bearer $TOKEN" \\',
        '  -H "Idempotency-Key: $(uuidgen)" \\',
        '  -H "Content-Type: application/json" \\',
        '  -d \'{"Action": {"ExportRevisionToS3": {"RevisionDestination": {"Bucket": "field-lab"}}}, '
        '"Event": {"RevisionPublished": {"DataSetId": "YOUR-DATA-SET-ID"}}}\'',
    ]
    assert calls["CreateJob"].endswith('"Type": "EXPORT_ASSET_TO_SIGNED_URL"}\'')
    assert calls["GetRevision"].startswith(
        f'curl "{settings.PUBLIC_URL}/v1/data-sets/$DATA_SET_ID/revisions/$REVISION_ID"'
    )


@pytest.mark.parametrize("name", ["api.md", "openapi.json"])
def test_the_written_documentation_is_what_the_code_says_now(name, tmp_path):
    for copied in ("api.md", "openapi.json"):
        (tmp_path / copied).write_bytes((ROOT / "docs" / copied).read_bytes())
    environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "marketplace.settings.check"}
    command = [sys.executable, "-W", "ignore", "manage.py", "write_api_docs", "--directory", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    stale = f"docs/{name} is stale: run `make docs` and commit what it writes"
    assert (tmp_path / name).read_bytes() == (ROOT / "docs" / name).read_bytes(), stale
