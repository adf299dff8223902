"""What looks like personal data in a product: it is found, answered for before everybody finds it, and told of when it is new."""

import io
import json
import re

import pytest
from django.utils import timezone

from marketplace.core import work
from marketplace.core.errors import Invalid
from marketplace.core.models import AuditRecord, Notification
from publishers.models import Product, Profile, ProfiledTable, ProfileState
from publishers.operations import documents, products
from publishers.operations.findings import SampleNotAnswered, acknowledge_findings, tell_of_findings
from publishers.operations.products import NotEnoughForAll, ProductNotReady
from publishers.queries.findings import key_of, list_findings
from publishers.tasks import tell_of_findings as tell_task
from tests.api.conftest import Program, token_of
from tests.conftest import actor_of
from tests.console.pages import sign_in

pytestmark = pytest.mark.django_db
CONTACTS = b"id,contact,dob\n1,ada@example.org,1815-12-10\n2,grace@example.org,1906-12-09\n"
MAIL, BIRTH = ["contacts.csv", "contact", "email"], ["contacts.csv", "dob", "birth_date"]


def by(member):
    return {"actor": actor_of(member), "at": timezone.now()}


def add(product, member, content=CONTACTS, name="contacts.csv"):
    stream = io.BytesIO(content)
    return documents.add_document(product=product, kind="SAMPLE", name=name, stream=stream, replaces=True, **by(member))


def answer(product, member, *keys, personal_data="PERSONAL", is_personal=True):
    rows = [dict(zip(("table", "column", "kind"), key, strict=True), is_personal=is_personal) for key in keys]
    return acknowledge_findings(product=product, findings=rows, personal_data=personal_data, **by(member))


def measure(revision, findings, name="contacts"):
    profile, _ = Profile.objects.update_or_create(revision=revision, defaults={"state": ProfileState.DONE})
    profile.tables.all().delete()
    ProfiledTable.objects.create(profile=profile, name=name, row_count=100_000, findings=findings)


def finding(column="contact", kind="email", count=7):
    return {"column": column, "kind": kind, "by": "values", "count": count, "share": 0.5}


@pytest.fixture
def draft(publisher, data_set, finalized_revision) -> Product:
    """A product that lacks nothing but an answer to what its sample holds."""
    made = products.create_product(
        owner=publisher.organization,
        name="Contacts",
        category="Economy",
        short_description="Who is who.",
        description="All of them.",
        support_contact="help@example.org",
        terms="t",
        dictionary=[{"column": "id", "type": "integer", "meaning": "Number"}],
        **by(publisher),
    )
    products.add_data_set(product=made, data_set=data_set, **by(publisher))
    add(made, publisher)
    made.refresh_from_db()
    return made


# --- the gate ---------------------------------------------------------------------------------------------------------
def test_nobody_finds_a_product_before_its_publisher_has_answered(draft, publisher):
    found = [(f.column, f.kind, f.by, f.count, f.places) for f in list_findings(product=draft)]
    assert found == [("contact", "email", "values", 2, ("SAMPLE",)), ("dob", "birth_date", "name", 2, ("SAMPLE",))]
    with pytest.raises(ProductNotReady) as caught:
        products.publish_product(product=draft, **by(publisher))
    assert caught.value.message == (
        "Say whether it may be published: the data holds what looks like e-mail addresses (column contact) and birth dates"
        " (column dob)."
    )
    answer(draft, publisher, MAIL)
    assert [field for field, _ in products.blockers(Product.objects.get(pk=draft.pk))] == ["findings"]
    done = answer(draft, publisher, MAIL, BIRTH)
    products.update_product(product=done, personal_data="NONE", **by(publisher))
    with pytest.raises(ProductNotReady, match="it is “None” although personal data was acknowledged"):
        products.publish_product(product=draft, **by(publisher))
    answer(draft, publisher, MAIL, BIRTH)
    assert products.publish_product(product=draft, **by(publisher)).state == "PUBLISHED"
    with pytest.raises(Invalid, match="keep its class") as refused:
        products.update_product(product=draft, personal_data="", **by(publisher))
    assert refused.value.field == "personal_data"
    assert Product.objects.get(pk=draft.pk).personal_data == "PERSONAL"
    records = AuditRecord.objects.filter(action="product.findings_acknowledged")
    assert records.count() == 3
    assert "ada@" not in json.dumps([record.detail for record in records])


def test_what_the_newest_measured_revision_holds_counts_as_well(draft, publisher, make_revision):
    answer(draft, publisher, MAIL, BIRTH)
    measure(make_revision(), [finding("old", "phone")])
    measure(make_revision(), [finding(), finding("tel", "phone")], name="contacts_2026")
    now = Product.objects.get(pk=draft.pk)
    found = {(f.column, f.kind): (f.is_acknowledged, f.places, f.count) for f in list_findings(product=now)}
    assert found == {
        ("contact", "email"): (True, ("SAMPLE", "REVISION"), 7),
        ("dob", "birth_date"): (True, ("SAMPLE",), 2),
        ("tel", "phone"): (False, ("REVISION",), 7),
    }
    with pytest.raises(ProductNotReady, match=r"looks like phone numbers \(column tel\)"):
        products.publish_product(product=draft, **by(publisher))
    answer(draft, publisher, MAIL, BIRTH, ["contacts-2027.parquet", "tel", "phone"])
    assert products.publish_product(product=draft, **by(publisher)).state == "PUBLISHED"


def test_without_the_catalogue_it_is_a_warning_and_hiding_is_no_way_around(draft, publisher):
    products.set_visibility(product=draft, visibility="UNLISTED", **by(publisher))
    assert products.publish_product(product=draft, **by(publisher)).state == "PUBLISHED"
    with pytest.raises(NotEnoughForAll, match="e-mail addresses"):
        products.set_visibility(product=draft, visibility="PUBLIC", **by(publisher))
    answer(draft, publisher, MAIL, BIRTH, personal_data="NONE", is_personal=False)
    assert products.set_visibility(product=draft, visibility="PUBLIC", **by(publisher)).visibility == "PUBLIC"


def test_a_sample_that_no_check_can_read_is_answered_for_too(draft, publisher):
    answer(draft, publisher, MAIL, BIRTH)
    add(draft, publisher, b"PAR1" + b"\x00" * 50, "calls.parquet")
    with pytest.raises(ProductNotReady, match=r"the data has a file that could not be checked \(calls.parquet\)"):
        products.publish_product(product=draft, **by(publisher))
    rows = [{"table": "calls.parquet", "column": "", "kind": "unread"}]
    acknowledge_findings(product=draft, findings=rows, personal_data="NONE", **by(publisher))
    draft.documents.get(name="contacts.csv").delete()
    assert products.publish_product(product=draft, **by(publisher)).state == "PUBLISHED"


def test_a_sample_for_the_catalogue_is_answered_for_before_everybody_sees_it(product, publisher):
    with pytest.raises(SampleNotAnswered, match="Everybody would see it at once"):
        add(product, publisher)
    assert product.documents.count() == 1
    answer(product, publisher, MAIL, BIRTH)
    assert add(product, publisher).name == "contacts.csv"
    add(product, publisher, b"n\n5\n", "more.csv")


def test_an_answer_names_what_is_known_and_the_same_again_changes_nothing(draft, publisher):
    first = answer(draft, publisher, MAIL)
    again = answer(draft, publisher, MAIL)
    assert first.updated_at == again.updated_at
    assert AuditRecord.objects.filter(action="product.findings_acknowledged").count() == 1
    assert answer(draft, publisher).acknowledged_findings == []  # the whole list: what is left out is taken back
    for wrong, field in (
        ([["t", "c", "gossip"]], "findings"),
        ([["", "c", "email"]], "findings"),
        ([["t", "c" * 501, "email"]], "findings"),
        ([["t\x00", "c", "email"]], "findings"),
        (
            [[f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}", "c", "email"] for n in range(2_001)],
            "findings",
        ),
    ):
        with pytest.raises(Invalid) as caught:
            answer(draft, publisher, *wrong)
        assert caught.value.field == field
    for personal_data in ("NONE", "", "SECRET"):
        with pytest.raises(Invalid) as caught:
            answer(draft, publisher, MAIL, personal_data=personal_data)
        assert caught.value.field == "personal_data"
    assert Product.objects.get(pk=draft.pk).acknowledged_findings == []


def test_files_of_one_table_are_answered_for_once():
    same = ["contacts.csv", "2026/contacts-2026-01.csv.gz", "contacts-sample.csv", "Contacts", "contacts_2.parquet"]
    assert len({key_of(name, "a", "email") for name in same}) == 1
    assert len({key_of(name, "a", "email") for name in ("contacts", "customers", "2026.csv", "2027.csv")}) == 4


def test_a_sample_from_before_is_looked_through_when_it_is_asked_for(draft):
    document = draft.documents.get()
    document.preview = {name: value for name, value in document.preview.items() if name not in {"findings", "budget"}}
    document.save()
    assert [(f.column, f.kind) for f in list_findings(product=draft)] == [("contact", "email"), ("dob", "birth_date")]


# --- what is new ------------------------------------------------------------------------------------------------------
def test_a_publisher_is_told_once_of_what_a_new_revision_brings(product, publisher, make_revision, finalized_revision):
    measure(finalized_revision, [finding("phone", "phone")])
    revision = make_revision()
    measure(revision, [finding(), finding("phone", "phone"), finding("dob", "birth_date")])
    answer(product, publisher, ["contacts", "dob", "birth_date"])
    for _ in range(2):
        tell_task(revision_id=revision.pk)
    told = Notification.objects.get(topic="product.findings")
    assert told.text == "The newest revision of Departures holds what looks like e-mail addresses (column contact)."
    assert told.path == f"/publish/products/{product.pk}#sensitive"
    assert told.membership == publisher
    assert Product.objects.get(pk=product.pk).state == "PUBLISHED"
    measure(make_revision(), [finding()])
    assert [tell_of_findings(revision=r, at=timezone.now()) for r in (revision, finalized_revision)] == [0, 1]
    tell_task(revision_id="gone")


def test_a_measured_revision_is_told_of_by_itself(product, publisher, make_revision):
    make_revision({"contacts.csv": CONTACTS})
    work.run_due()
    assert ProfiledTable.objects.exclude(findings=[]).get().findings == [
        {"column": "contact", "kind": "email", "by": "values", "count": 2, "share": 1.0},
        {"column": "dob", "kind": "birth_date", "by": "name", "count": 2, "share": 1.0},
    ]
    assert Notification.objects.filter(topic="product.findings").count() == 1


# --- pages ------------------------------------------------------------------------------------------------------------
def test_a_publisher_answers_on_the_page_and_readers_see_it(client, draft, publisher, stranger):
    sign_in(client, publisher)
    editor = f"/publish/products/{draft.pk}"
    page = client.get(editor)
    text = page.content.decode()
    assert '<a href="#sensitive">Sensitive data</a>' in text
    assert client.post(f"{editor}/publish").status_code == 409
    boxes = [row.value for row in page.context["finding_rows"]]
    sent = {"shown": boxes, "acknowledged": boxes, "not_personal": boxes[1:], "personal_data": ""}
    refused = client.post(f"{editor}/findings", sent)
    assert (refused.status_code, "Declare pseudonymous or personal data" in refused.content.decode()) == (422, True)
    assert client.post(f"{editor}/findings", sent | {"acknowledged": "{"}).status_code == 422
    client.post(f"{editor}/draft", {"name": "Contacts of all", "personal_data": "NONE"})
    done = client.post(f"{editor}/findings", sent | {"personal_data": "PSEUDONYMOUS"})
    assert done.url == f"{editor}#sensitive"
    assert client.post(f"{editor}/draft/discard").status_code == 302
    assert client.post(f"{editor}/publish").status_code == 302
    shown = client.get(editor)
    assert [(row.finding.is_acknowledged, row.finding.is_personal) for row in shown.context["finding_rows"]] == [
        (True, True),
        (True, False),
    ]
    sign_in(client, stranger)
    facts = re.sub(r"\s+", " ", client.get(f"/products/{draft.pk}").content.decode())
    assert "<dt>Personal data</dt><dd>Pseudonymous</dd>" in facts
    assert "<dt>Holds</dt><dd>E-mail addresses</dd>" in facts
    assert client.post(f"{editor}/findings", sent).status_code == 404


def test_a_refused_sample_is_answered_for_where_it_is_refused(client, product, publisher):
    sign_in(client, publisher)
    editor = f"/publish/products/{product.pk}"

    def upload():
        file = io.BytesIO(CONTACTS)
        file.name = "contacts.csv"
        return client.post(f"{editor}/documents", {"kind": "sample", "file": file})

    refused = upload()
    assert (refused.status_code, "Everybody would see it at once" in refused.content.decode()) == (409, True)
    boxes = [row.value for row in refused.context["finding_rows"]]
    assert [json.loads(box)[2] for box in boxes] == ["email", "birth_date"]
    client.post(f"{editor}/findings", {"shown": boxes, "acknowledged": boxes, "personal_data": "PERSONAL"})
    assert upload().status_code == 302
    assert product.documents.filter(name="contacts.csv").exists()


def test_hostile_names_are_text_and_many_findings_stay_within_the_page(client, draft, publisher):
    sign_in(client, publisher)
    head = ",".join(f"<script>{n}</script> email" for n in range(150)).encode()
    add(draft, publisher, head + b"\n" + b",".join([b"x"] * 150) + b"\n", '"><img src=x>.csv')
    page = client.get(f"/publish/products/{draft.pk}")
    text = page.content.decode()
    assert "<script>1</script>" not in text
    assert "<img src=x>" not in text
    assert (len(page.context["finding_rows"]), page.context["findings_total"]) == (100, 152)
    boxes = [row.value for row in page.context["finding_rows"]]
    answered = {"shown": boxes, "acknowledged": boxes, "personal_data": "PERSONAL"}
    assert client.post(f"/publish/products/{draft.pk}/findings", answered).status_code == 302
    rest = [row.value for row in client.get(f"/publish/products/{draft.pk}").context["finding_rows"]]
    answered = {"shown": rest, "acknowledged": rest, "personal_data": "PERSONAL"}
    client.post(f"/publish/products/{draft.pk}/findings", answered)
    assert all(each.is_acknowledged for each in list_findings(product=Product.objects.get(pk=draft.pk)))


# --- the API ----------------------------------------------------------------------------------------------------------
def test_a_program_reads_findings_and_answers(draft, publisher):
    program = Program(token_of(publisher, ["publish:read", "publish:write", "catalogue:read"]))
    path = f"/api/products/{draft.pk}"
    told = program.call("GET", f"{path}/findings").json()
    assert (told["personal_data"], told["blocks"]) == ("", True)
    assert told["findings"][0] == {
        "table": "contacts.csv",
        "column": "contact",
        "kind": "email",
        "words": "e-mail addresses",
        "by": "values",
        "count": 2,
        "share": 1.0,
        "places": ["SAMPLE"],
        "is_acknowledged": False,
        "is_personal": True,
    }
    assert "ada@" not in json.dumps(told)
    assert [m["field"] for m in program.call("GET", path).json()["missing"]] == ["findings"]
    refused = program.call("POST", f"{path}/publish")
    assert (refused.status_code, refused.json()["code"]) == (409, "ProductNotReady")
    rows = [{name: row[name] for name in ("table", "column", "kind")} for row in told["findings"]]
    undeclared = program.call("POST", f"{path}/findings/acknowledge", {"findings": rows, "personal_data": "NONE"})
    assert (undeclared.status_code, undeclared.json()["errors"][0]["field"]) == (422, "personal_data")
    done = program.call("POST", f"{path}/findings/acknowledge", {"findings": rows, "personal_data": "PERSONAL"}).json()
    assert (done["blocks"], [f["is_acknowledged"] for f in done["findings"]]) == (False, [True, True])
    assert program.call("POST", f"{path}/publish").status_code == 200
    page = program.call("GET", f"/api/catalogue/{draft.pk}").json()
    assert (page["personal_data"], page["holds"]) == ("PERSONAL", ["e-mail addresses", "birth dates"])
    for wrong in ({"findings": [], "personal_data": "MAYBE"}, {"findings": [{"table": "t", "kind": "x"}]}, {}):
        assert program.call("POST", f"{path}/findings/acknowledge", wrong).status_code == 422
