"""The description of /api: valid OpenAPI without warnings, and pages made from it."""

import json

import pytest
import yaml
from django.core.management import call_command
from django.urls import reverse

from marketplace.console.api.reference import aws_operations, sections
from marketplace.console.api.schema import TAGS, document

pytestmark = pytest.mark.django_db


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
    for methods in document()["paths"].values():
        for method, operation in methods.items():
            ids.append(operation["operationId"])
            assert operation["summary"]
            assert operation["tags"][0] in TAGS
            assert list(operation["responses"]["default"]["content"]) == ["application/problem+json"]
            names = [p["name"] for p in operation.get("parameters", [])]
            assert ("Idempotency-Key" in names) == (method == "post")
    assert len(ids) == len(set(ids)) == 44


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


def test_the_aws_shaped_operations_are_listed_with_what_is_served(client):
    page = client.get(reverse("api-docs-section", args=["aws-data-exchange"])).content.decode()
    served = {operation.name for operation in aws_operations() if operation.is_served}
    assert {"CreateDataSet", "CreateJob", "CreateEventAction"} <= served
    assert len(aws_operations()) == 37
    for operation in aws_operations():
        assert operation.name in page
