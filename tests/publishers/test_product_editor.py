"""The product editor: what is typed is kept, what is saved is checked, and somebody quicker is told of."""

import io
import re

import pytest
from django.utils import timezone

from marketplace.core.models import AuditRecord, Membership, Organization, Role, SiteSettings
from publishers.models import DocumentKind, Product, ProductDocument, ProductState
from publishers.operations import data_sets, drafts, products, revisions
from tests.conftest import actor_of, make_listable, make_member, put_asset
from tests.console.pages import sign_in
from tests.publishers.test_logo import picture

pytestmark = pytest.mark.django_db
TYPED = {"name": "Tides", "category": "Weather", "terms": "Use it well."}
AUTOSAVE = {"X-Autosave": "1"}


@pytest.fixture
def draft(publisher) -> Product:
    """A product with nothing but its name."""
    return products.create_product(
        owner=publisher.organization,
        name="Tides",
        category="Weather",
        terms="Use it well.",
        actor=actor_of(publisher),
        at=timezone.now(),
    )


@pytest.fixture
def editor(client, publisher, draft) -> str:
    """The address of the draft's editor, for its owner who is signed in."""
    sign_in(client, publisher)
    return f"/publish/products/{draft.pk}"


def token_in(page) -> str:
    return re.search(r'name="version" value="([^"]+)"', page.content.decode())[1]


def value_in(page, name: str) -> str:
    return str(page.context["form"][name].value())


# --- drafts -----------------------------------------------------------------------------------------------------------
def test_what_is_typed_survives_and_changes_nothing_before_it_is_saved(client, editor, draft):
    kept = client.post(f"{editor}/draft", TYPED | {"name": "Tides of", "regions": ["EUROPE"]}, headers=AUTOSAVE)
    assert kept.status_code == 200
    assert "Draft saved" in kept.content.decode()
    assert "Tides of" in kept.content.decode()
    page = client.get(editor)
    assert (value_in(page, "name"), page.context["form"]["regions"].value()) == ("Tides of", ["EUROPE"])
    assert "Unsaved changes" in page.content.decode()
    draft.refresh_from_db()
    assert (draft.name, draft.regions) == ("Tides", [])
    saved = client.post(editor, TYPED | {"name": "Tides of", "regions": ["EUROPE"], "version": token_in(page)})
    assert saved.url == editor
    draft.refresh_from_db()
    assert (draft.name, draft.regions, draft.draft, draft.draft_saved_at) == ("Tides of", ["EUROPE"], {}, None)


def test_a_colleague_on_another_device_goes_on_where_the_first_one_stopped(client, editor, draft, publisher):
    client.post(f"{editor}/draft", TYPED | {"coverage": "The North"}, headers=AUTOSAVE)
    colleague = make_member("Colleague")
    Membership.objects.filter(pk=colleague.pk).update(organization=publisher.organization, role=Role.PUBLISHER)
    client.logout()
    client.force_login(colleague.user)
    assert value_in(client.get(editor), "coverage") == "The North"


def test_a_draft_is_discarded_once(client, editor, draft):
    client.post(f"{editor}/draft", TYPED | {"name": "Wrong"})
    for _ in range(2):
        assert client.post(f"{editor}/draft/discard").status_code == 302
    assert value_in(client.get(editor), "name") == "Tides"
    assert AuditRecord.objects.filter(action="product.draft_discarded").count() == 1


def test_a_draft_keeps_what_is_not_right_yet_and_saving_says_where(client, editor, draft):
    typed = TYPED | {"name": "", "source_url": "ftp://x", "dictionary": "a\n | b"}
    client.post(f"{editor}/draft", typed, headers=AUTOSAVE)
    page = client.get(editor)
    assert value_in(page, "source_url") == "ftp://x"
    refused = client.post(editor, typed | {"version": token_in(page)})
    text = refused.content.decode()
    assert refused.status_code == 422
    assert "Line 2 names no column." in text
    assert 'role="alert" tabindex="-1" autofocus' in text
    assert 'href="#id_name"' in text
    wrong_source = client.post(editor, TYPED | {"source_url": "ftp://x", "version": token_in(refused)})
    assert (wrong_source.status_code, "must be an http or https URL" in wrong_source.content.decode()) == (422, True)
    draft.refresh_from_db()
    assert (draft.name, draft.source_url) == ("Tides", "")
    assert draft.draft["source_url"] == ["ftp://x"]


def test_somebody_quicker_is_told_of_and_nothing_is_lost(client, editor, draft, publisher):
    page = client.get(editor)
    products.update_product(product=draft, coverage="Theirs", actor=actor_of(publisher), at=timezone.now())
    mine = TYPED | {"coverage": "Mine", "version": token_in(page)}
    kept = client.post(f"{editor}/draft", mine, headers=AUTOSAVE)
    assert kept.status_code == 409
    assert Product.objects.get(pk=draft.pk).draft == {}
    refused = client.post(editor, mine)
    assert refused.status_code == 409
    assert "Somebody else has changed this product" in refused.content.decode()
    assert refused.context["differing"] == [("Coverage", "Theirs")]
    assert value_in(refused, "coverage") == "Mine"
    assert Product.objects.get(pk=draft.pk).coverage == "Theirs"
    # who has seen it may decide
    assert client.post(editor, mine | {"version": token_in(refused)}).status_code == 302
    assert Product.objects.get(pk=draft.pk).coverage == "Mine"


def test_two_tabs_do_not_overwrite_each_others_drafts(client, editor, draft):
    first, second = client.get(editor), client.get(editor)
    one = client.post(f"{editor}/draft", TYPED | {"name": "One", "version": token_in(first)}, headers=AUTOSAVE)
    again = client.post(f"{editor}/draft", TYPED | {"name": "One!", "version": token_in(one)}, headers=AUTOSAVE)
    assert again.status_code == 200
    other = client.post(f"{editor}/draft", TYPED | {"name": "Two", "version": token_in(second)}, headers=AUTOSAVE)
    assert other.status_code == 409
    assert value_in(client.get(editor), "name") == "One!"


def test_too_much_is_refused_with_a_sentence(client, editor, draft):
    long = client.post(f"{editor}/draft", TYPED | {"description": "x" * 500_000}, headers=AUTOSAVE)
    assert (long.status_code, "more than can be kept" in long.content.decode()) == (422, True)
    longer = client.post(editor, TYPED | {"description": "x" * 31_000})
    assert (longer.status_code, "at most 30000 characters" in longer.content.decode()) == (422, True)
    huge = client.post(editor, TYPED | {"description": "x" * 20_000_000})
    assert (huge.status_code, "at most 10 MB of text" in huge.content.decode()) == (413, True)
    draft.refresh_from_db()
    assert draft.description == ""


def test_publishing_saves_what_was_typed(client, editor, draft, publisher, data_set, finalized_revision):
    make_listable(draft, publisher)
    client.post(f"{editor}/data-sets", {"data_set": data_set.pk, "history_rule": "ALL", "future_rule": "on"})
    page = client.get(editor)
    assert [e["label"] for e in page.context["checklist"] if e["sentence"]] == [
        "Short description",
        "Description",
        "Support contact",
    ]
    words = {"short_description": "High water.", "description": "All.", "support_contact": "a@example.org"}
    dictionary = {"dictionary": "height | number |"}
    kept = client.post(f"{editor}/draft", TYPED | words | dictionary | {"name": ""}, headers=AUTOSAVE)
    assert kept.context["missing"] == 0
    assert client.post(f"{editor}/publish").status_code == 422
    client.post(f"{editor}/draft", TYPED | words | dictionary, headers=AUTOSAVE)
    assert client.post(f"{editor}/publish").status_code == 302
    draft.refresh_from_db()
    assert (draft.state, draft.short_description, draft.draft) == (ProductState.PUBLISHED, "High water.", {})


def test_waiting_for_the_operator_is_said_and_taken_back(
    client, editor, draft, publisher, data_set, finalized_revision
):
    SiteSettings.objects.update_or_create(pk=1, defaults={"approves_products": True, "approves_publishers": True})
    make_listable(draft, publisher)
    words = {"short_description": "s", "description": "d", "support_contact": "c", "dictionary": "a|b|c"}
    client.post(editor, TYPED | words)
    client.post(f"{editor}/data-sets", {"data_set": data_set.pk, "history_rule": "ALL", "future_rule": "on"})
    page = client.get(editor).content.decode()
    assert 'href="/publish/approval"' in page
    assert client.post(f"{editor}/publish").status_code == 409
    Organization.objects.update(publisher_state="APPROVED")
    client.post(f"{editor}/publish")
    page = client.get(editor).content.decode()
    assert "Waiting for the operator" in page
    assert client.post(f"{editor}/publish").status_code == 409
    client.post(f"{editor}/withdraw")
    assert "Publish product" in client.get(editor).content.decode()
    assert Product.objects.get(pk=draft.pk).state == ProductState.DRAFT


# --- a new one --------------------------------------------------------------------------------------------------------
def test_a_data_set_is_listed_with_its_words_its_sample_and_its_columns(
    client, publisher, data_set, finalized_revision
):
    sign_in(client, publisher)
    page = client.get(f"/publish/products/new?data_set={data_set.pk}")
    assert page.context["form"]["name"].value() == "Departures"
    form = {"name": "Departures", "category": "Mobility", "data_set": data_set.pk, "has_sample": "on"}
    url = client.post("/publish/products/new", form).url
    made = Product.objects.get()
    assert (made.description, made.short_description) == ("Flights that left.", "Flights that left.")
    assert [row["column"] for row in made.dictionary] == ["id", "delay"]
    assert made.documents.get().name == "departures-sample.csv"
    assert client.get(url).context["missing"] == 0
    assert client.post(f"{url}/publish").status_code == 302
    assert Product.objects.get().state == ProductState.PUBLISHED


def test_a_data_set_without_a_table_is_listed_without_a_sample(client, publisher, data_set, stranger):
    sign_in(client, publisher)
    form = {"name": "Departures", "category": "Mobility", "data_set": data_set.pk, "has_sample": "on"}
    page = client.post("/publish/products/new", form, follow=True).content.decode()
    assert "No sample can be made" in page
    assert client.post("/publish/products/new", form | {"category": ""}).status_code == 422
    assert client.get("/publish/products/new?data_set=nothing").status_code == 404
    sign_in(client, stranger)
    assert client.get(f"/publish/products/new?data_set={data_set.pk}").status_code == 404
    assert client.post("/publish/products/new", form).status_code == 404


# --- questions and rules ----------------------------------------------------------------------------------------------
def test_questions_are_written_moved_and_taken_out_without_scripts(client, editor, draft):
    asked = {"requires_approval": "on"}
    first = client.post(f"{editor}/draft", TYPED | asked | {"act": "add"})
    assert first.url == f"{editor}#questions"
    one = {"question-0-label": "Who are you?", "question-0-kind": "text"}
    client.post(f"{editor}/draft", TYPED | asked | one | {"act": "add"})
    two = {"question-1-label": "Why?", "question-1-kind": "choice", "question-1-choices": "Research\r\nTrading\r\n"}
    two["question-1-is_required"] = "on"
    client.post(f"{editor}/draft", TYPED | asked | one | two | {"act": "up:1"})
    page = client.get(editor)
    assert [question["label"] for _, question in page.context["questions"]] == ["Why?", "Who are you?"]
    assert ">Research\nTrading</textarea>" in page.content.decode()
    moved = {"question-0-label": "Why?", "question-0-kind": "choice", "question-0-choices": "Research\nTrading"}
    moved |= {"question-0-is_required": "on", "question-1-label": "Who are you?", "question-1-kind": "text"}
    rules = {"rule_verified": "on", "rule_domains": "Example.org\n", "rule_accounts": "123456789012"}
    assert client.post(editor, TYPED | asked | moved | rules).status_code == 302
    draft.refresh_from_db()
    (why, who) = draft.questions
    assert (why["label"], why["choices"], why["is_required"]) == ("Why?", ["Research", "Trading"], True)
    assert (who["label"], who["is_required"]) == ("Who are you?", False)
    assert [rule.get("value") for rule in draft.approval_rules] == [None, "example.org", "123456789012"]
    client.post(f"{editor}/draft", TYPED | asked | moved | {"question-0-key": why["key"], "act": "remove:1"})
    client.post(editor, TYPED | asked | {k: v for k, v in moved.items() if "-0-" in k} | {"question-0-key": why["key"]})
    draft.refresh_from_db()
    assert draft.questions == [why]


@pytest.mark.parametrize("act", ["", "add", "remove:99", "up:0", "down:x", "up:-1", "explode:1", "remove:²"])
def test_an_act_that_makes_no_sense_moves_nothing(client, editor, draft, act):
    answer = client.post(f"{editor}/draft", TYPED | {"question-0-label": "Q", "act": act})
    assert answer.status_code == 302
    labels = [question["label"] for _, question in client.get(editor).context["questions"]]
    assert labels == (["Q", ""] if act == "add" else ["Q"])


def test_a_wrong_rule_or_question_is_told_at_its_place(client, editor, draft):
    typed = TYPED | {"requires_approval": "on", "rule_domains": "not a domain", "rule_accounts": "12"}
    answer = client.post(editor, typed | {"question-0-label": "Q", "question-0-kind": "choice"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "is not a domain, such as example.org." in page
    assert "is not an account id of 12 digits." in page
    assert "Question 1: give 2 to 50 different choices." in page
    assert 'href="#questions"' in page


# --- files and viewers by the pages -----------------------------------------------------------------------------------
def upload(name: str, content: bytes) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file


def test_files_are_added_shown_moved_and_removed(client, editor, draft):
    url = f"{editor}/documents"
    assert client.post(url, {"kind": "sample", "file": upload("a.csv", b"a\n1\n")}).url == f"{editor}#media"
    client.post(url, {"kind": "dictionary", "file": upload("codebook.md", b"# Codebook")})
    for name in "ab":
        client.post(url, {"kind": "image", "file": upload(f"{name}.png", picture("PNG")), "caption": name})
    without = client.post(url, {"kind": "image", "file": upload("c.png", picture("PNG"))})
    assert (without.status_code, draft.documents.count()) == (422, 4)
    twice = client.post(url, {"kind": "sample", "file": upload("a.csv", b"a\n2\n")})
    assert (twice.status_code, "already has a file" in twice.content.decode()) == (409, True)
    page = client.get(editor)
    assert [image.caption for image in page.context["images"]] == ["a", "b"]
    second = draft.documents.get(caption="b")
    client.post(f"{url}/{second.pk}/change", {"move": "1"})
    assert [image.caption for image in client.get(editor).context["images"]] == ["b", "a"]
    download = client.get(f"{url}/{draft.documents.get(kind='SAMPLE').pk}")
    assert (download.status_code, download["Cache-Control"]) == (302, "no-store")
    assert "attachment" in download.url
    client.post(f"{url}/{second.pk}/remove")
    assert draft.documents.count() == 3


def test_a_dictionary_is_filled_from_the_sample_and_imported(client, editor, draft):
    client.post(f"{editor}/documents", {"kind": "sample", "file": upload("a.csv", b"id,delay\n1,5\n")})
    client.post(f"{editor}/draft", TYPED | {"dictionary": "delay | | Late by"})
    client.post(f"{editor}/dictionary/fill")
    assert value_in(client.get(editor), "dictionary") == "delay |  | Late by\nid | integer | "
    file = upload("d.csv", b"column,type,meaning\nid,integer,Number\n")
    client.post(f"{editor}/dictionary/import", {"file": file})
    assert value_in(client.get(editor), "dictionary") == "id | integer | Number"
    draft.refresh_from_db()
    assert draft.dictionary == [{"column": "id", "type": "integer", "meaning": "Number"}]
    wrong = client.post(f"{editor}/dictionary/import", {"file": upload("d.csv", b"a,b\n")})
    assert (wrong.status_code, "whose first line is column,type,meaning" in wrong.content.decode()) == (422, True)


def test_viewers_are_added_by_account_id_and_an_unknown_one_is_told(client, editor, draft, stranger):
    account = stranger.organization.account_id
    assert client.post(f"{editor}/viewers", {"account_id": account}).url == f"{editor}#audience"
    assert stranger.organization.name in client.get(editor).content.decode()
    wrong = client.post(f"{editor}/viewers", {"account_id": "999999999999"})
    assert (wrong.status_code, "no organization with this account id" in wrong.content.decode()) == (422, True)
    client.post(f"{editor}/viewers/{account}/remove")
    assert not draft.viewers.exists()


def test_a_viewer_of_the_organization_reads_and_cannot_type(client, editor, publisher, draft):
    viewer = make_member("Viewer")
    Membership.objects.filter(pk=viewer.pk).update(role=Role.VIEWER, organization=publisher.organization)
    client.logout()
    client.force_login(viewer.user)
    page = client.get(editor)
    assert page.status_code == 200
    assert 'id="save-button"' not in page.content.decode()
    assert page.context["form"].fields["name"].disabled
    assert client.post(f"{editor}/draft", TYPED | {"name": "x"}).status_code == 403


# --- what strangers send ----------------------------------------------------------------------------------------------
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "</textarea><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](https://tracker.example/pixel.png)",
    "{{ product.owner }}{% csrf_token %}",
    "=HYPERLINK(1)",
    "\u202egnp.exe",
    "a\x00b",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_shown_as_text_or_refused_with_a_sentence(client, editor, draft, text):
    short = text[:60]
    typed = TYPED | dict.fromkeys(
        ("name", "short_description", "description", "coverage", "update_frequency", "licence", "terms"), short
    )
    typed |= {"support_contact": short, "dictionary": f"{short.replace('|', '')} | {short} | {short}"}
    typed |= {"requires_approval": "on", "question-0-label": short, "question-0-help": short}
    kept = client.post(f"{editor}/draft", typed, headers=AUTOSAVE)
    assert kept.status_code == 200
    saved = client.post(editor, typed, follow=True)
    assert saved.status_code in {200, 422}
    pages = [kept, saved, client.get(editor), client.get(f"/products/{draft.pk}"), client.get("/publish/products")]
    for page in pages:
        content = page.content.decode()
        assert "<script>alert" not in content
        assert not re.search(r"<(img|svg)[^>]*(onerror|onload)=", content)
        assert 'href="javascript:' not in content
        assert 'tracker.example/pixel.png"' not in content
    if "\x00" in text:
        assert saved.status_code == 422


@pytest.mark.parametrize("name", ["../../x.csv", "a\u202evsc.exe", "<b>.csv", "con.csv", "x" * 400 + ".csv", ".csv"])
def test_odd_file_names_are_cleaned_or_refused(client, editor, draft, name):
    answer = client.post(f"{editor}/documents", {"kind": "sample", "file": upload(name, b"a\n=1+1\n")}, follow=True)
    assert answer.status_code in {200, 422}
    for document in draft.documents.all():
        assert not set("/\\<>\u202e") & set(document.name)
        assert len(document.name) <= 120
        assert document.preview.get("rows", [["=1+1"]]) == [["=1+1"]]  # a name without .csv is no table
        assert f">{document.name}<" in client.get(editor).content.decode()


@pytest.mark.parametrize(
    ("kind", "name", "content", "sentence"),
    [
        ("image", "a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "SVG is refused"),
        ("image", "a.png", b"GIF89a<script>alert(1)</script>", "not a PNG, JPEG or WebP"),
        ("sample", "a.csv", b"x" * (25 * 1024 * 1024 + 1), "at most 25 MB"),
        ("sample", "a.csv", b"", "empty"),
    ],
)
def test_files_that_cannot_be_taken_are_refused_at_their_field(client, editor, draft, kind, name, content, sentence):
    form = {"kind": kind, "file": upload(name, content), "caption": "A chart"}
    answer = client.post(f"{editor}/documents", form)
    assert (answer.status_code, sentence in answer.content.decode()) == (422, True)
    assert not draft.documents.exists()


# --- how much is asked ------------------------------------------------------------------------------------------------
def test_the_editor_asks_few_queries_however_much_there_is(
    client, editor, draft, publisher, django_assert_max_num_queries
):
    by = {"actor": actor_of(publisher), "at": timezone.now()}
    for number in range(25):
        held = data_sets.create_data_set(owner=publisher.organization, name=f"N{number}", description="x", **by)
        if number < 5:
            products.add_data_set(product=draft, data_set=held, **by)
        products.add_viewer(product=draft, account_id=make_member(f"V{number}").organization.account_id, **by)
    revision = revisions.create_revision(data_set=held, comment="", **by)
    put_asset(revision, "a.csv", b"a\n1\n", publisher)
    for number in range(50):
        kind = DocumentKind.values[number % 3]
        ProductDocument.objects.create(
            product=draft, kind=kind, name=f"{number}", file="x", content_type="x", size_bytes=1, sha256="0" * 64
        )
    drafts.save_draft(product=draft, values={"name": ["Typed"]}, token="", at=timezone.now())
    with django_assert_max_num_queries(15):
        assert "Typed" in client.get(editor).content.decode()
    with django_assert_max_num_queries(15):
        client.get("/publish/products/new")
    for number in range(30):
        products.create_product(owner=publisher.organization, name=f"P{number}", category="Weather", terms="t", **by)
    with django_assert_max_num_queries(15):
        assert "P29" in client.get("/publish/products").content.decode()
