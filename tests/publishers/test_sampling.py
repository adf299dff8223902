"""Made samples: every n-th row over the whole file, within the budget; and that no chosen sample holds more than it."""

import gzip
import io

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.core.errors import Invalid
from marketplace.settings.environment import Environment
from publishers.models import Profile, ProfiledTable, ProfileState
from publishers.operations import documents, products, samples, sampling
from publishers.operations.samples import NoTable
from publishers.operations.sampling import seed_of, thin
from tests.conftest import actor_of


def thinned(content: bytes, name: str = "a.csv", *, most: int = 500, seed: int = 0) -> bytes:
    return thin(iter([content]), name, most=most, seed=seed).content


# --- which rows -------------------------------------------------------------------------------------------------------
def test_every_nth_row_is_taken_over_the_whole_file_and_the_revision_draws_the_first():
    content = b"n\n" + b"".join(b"%d\n" % n for n in range(10_000))
    made = thin(iter([content[:7_777], content[7_777:]]), "a.csv", most=100, seed=5)
    numbers = [int(line) for line in made.content.split()[1:]]
    assert (made.rows, made.step, made.is_cut) == (10_000, 128, False)
    assert numbers == list(range(5, 10_000, 128))
    assert thinned(content, most=100, seed=5 + 128) == made.content
    assert thinned(content, most=100, seed=6) != made.content
    assert seed_of("a") == seed_of("a") != seed_of("b")
    assert thinned(b"a,b\n1,x\n2,y") == b"a,b\n1,x\n2,y"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 60), st.integers(0, 2**64 - 1))
def test_a_sample_is_spread_evenly_and_fills_half_of_its_budget_at_least(rows, most, seed):
    made = thin(iter([b"n\n" + b"".join(b"%d\n" % n for n in range(rows))]), "a.csv", most=most, seed=seed)
    numbers = [int(line) for line in made.content.split()[1:]]
    assert numbers == [n for n in range(rows) if n % made.step == seed % made.step]
    assert len(numbers) <= most
    assert made.step == 1 or rows // (made.step // 2) + 1 > most


def test_rows_stay_whole_whatever_the_form():
    assert thinned(b'a,b\n1,"x\ny"\n\n2,z\n') == b'a,b\n1,"x\ny"\n2,z\n'
    assert thinned(b'[{"a": 1}, {"a": "\xc3\xa9"}]', "a.json") == '{"a": 1}\n{"a": "é"}\n'.encode()
    assert thinned(b'{"a": 1}\n\n{"a": 2}', "a.ndjson") == b'{"a": 1}\n{"a": 2}'
    assert thinned("ä\nö\n".encode("utf-16"), "a.csv") == "ä\nö\n".encode()
    packed = gzip.compress(b"a\n" + b"1\n" * 10_000, mtime=0)
    assert thinned(packed, "a.csv.gz").count(b"\n") == 313 + 1
    assert thinned(packed[:-6], "a.csv.gz").startswith(b"a\n1\n1\n")
    for content, name in (
        (b"", "a.csv"),
        (b"a,b", "a.csv"),
        (b"\x00\x01", "a.csv"),
        (b'a\n"' + b"x\n" * 600_000, "a.csv"),
        (b"x" * 2_000_000, "a.csv"),
        (b"[" * 100_000, "a.json"),
        (b"no gzip", "a.csv.gz"),
    ):
        with pytest.raises(NoTable):
            thinned(content, name)


def test_of_a_file_beyond_the_limit_the_beginning_is_read_and_said_so(monkeypatch):
    monkeypatch.setattr(sampling, "READ_BYTES", 1_000_000)
    rows = (b"a,b\n" if n == 0 else b"%07d,xx\n" % n for n in range(10_000_000))
    made = thin(rows, "a.csv", most=100, seed=3)
    assert (made.rows, made.is_cut) == (90_908, True)
    assert all(line.endswith(b",xx") for line in made.content.split()[1:])
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 2_000_000, mtime=0)
    assert thin(iter([bomb]), "a.csv.gz", most=100, seed=3).rows == 249_999
    wide = b"a\n" + b"".join(b"%d" % n + b"x" * 900_000 + b"\n" for n in range(20))
    monkeypatch.setattr(sampling, "READ_BYTES", 64 * 1024 * 1024)
    assert len(thinned(wide)) <= sampling.KEPT_BYTES


# --- the budget -------------------------------------------------------------------------------------------------------
@pytest.fixture
def listing(publisher, data_set):
    """A draft product that lists the data set."""
    by = {"actor": actor_of(publisher), "at": timezone.now()}
    made = products.create_product(owner=publisher.organization, name="Calls", category="Weather", terms="t", **by)
    products.add_data_set(product=made, data_set=data_set, **by)
    return made


def measure(revision, rows: int) -> None:
    profile, _ = Profile.objects.update_or_create(revision=revision, defaults={"state": ProfileState.DONE})
    profile.tables.all().delete()
    ProfiledTable.objects.create(profile=profile, name="t", row_count=rows)


def add(product, member, rows: int, name: str = "own.csv"):
    content = io.BytesIO(b"n\n" + b"".join(b"%d\n" % n for n in range(rows)))
    by = {"actor": actor_of(member), "at": timezone.now()}
    return documents.add_document(product=product, kind="SAMPLE", name=name, stream=content, replaces=True, **by)


@pytest.mark.django_db
def test_a_chosen_sample_above_the_budget_is_refused_with_the_budget(listing, publisher, make_revision):
    assert add(listing, publisher, 500).preview["budget"] == {"most": 500, "of": None}
    with pytest.raises(Invalid, match="has 501 rows; it may show at most 500. Take rows out") as caught:
        add(listing, publisher, 501)
    assert caught.value.field == "file"
    measure(make_revision(), 2_000)
    assert add(listing, publisher, 20).preview["budget"] == {"most": 20, "of": 2_000}
    with pytest.raises(Invalid, match="at most 20 of the 2,000 rows of the newest revision"):
        add(listing, publisher, 21)
    measure(make_revision({"few.csv": b"a\n1\n"}), 30)
    with pytest.raises(Invalid, match="at most 10 of the 30 rows"):
        add(listing, publisher, 11)
    make_revision({"unmeasured.csv": b"a\n1\n"})
    Profile.objects.filter(revision__assets__name="unmeasured.csv").delete()
    assert add(listing, publisher, 500).preview["row_count"] == 500
    assert listing.documents.count() == 1


@pytest.mark.django_db
def test_a_made_sample_keeps_to_the_share_and_says_its_rule(listing, publisher, make_revision, client, settings):
    revision = make_revision({"calls.csv": b"n\n" + b"".join(b"%d\n" % n for n in range(4_000))})
    measure(revision, 4_000)
    by = {"actor": actor_of(publisher), "at": timezone.now()}
    made = documents.make_sample(product=listing, **by)
    step = made.preview["drawn"]["every"]
    assert made.preview["drawn"] == {"file": "calls.csv", "rows": 4_000, "every": step, "is_whole": True}
    assert (step, made.preview["row_count"] <= 40, made.preview["budget"]["most"]) == (128, True, 40)
    assert [int(row[0]) for row in made.preview["rows"]] == list(range(seed_of(revision.pk) % step, 4_000, step))
    client.force_login(publisher.user)
    page = client.get(f"/products/{listing.pk}").content.decode()
    assert "At most 40 of the 4,000 rows of the newest revision may be shown; these are every 128th row" in page
    answer = client.get(f"/api/products/{listing.pk}/documents/{made.pk}").json()["table"]
    assert {name: answer[name] for name in ("most_rows", "of_rows", "every", "file_rows")} == {
        "most_rows": 40,
        "of_rows": 4_000,
        "every": 128,
        "file_rows": 4_000,
    }
    settings.SAMPLE_ROWS = 16
    made.delete()
    assert len(documents.make_sample(product=listing, **by).preview["rows"]) <= 16


def test_a_share_is_written_in_per_cent(monkeypatch):
    for text, share in (("1%", "0.01"), ("0.5 %", "0.005"), ("100%", "1")):
        monkeypatch.setenv("SAMPLE_SHARE", text)
        assert str(Environment().share("SAMPLE_SHARE", "1%", least="0.001", most="100").normalize()) == share
    for text in ("1", "0%", "101%", "one%", "1e2%"):
        monkeypatch.setenv("SAMPLE_SHARE", text)
        with pytest.raises(ImproperlyConfigured, match="SAMPLE_SHARE must be from"):
            Environment().share("SAMPLE_SHARE", "1%", least="0.001", most="100")


def test_a_table_of_very_many_columns_is_none_and_every_column_is_looked_through():
    wide = b",".join(b"c%d" % n for n in range(300)) + b"\n" + b",".join([b"1"] * 299 + [b"ada@example.org"]) + b"\n"
    assert [(f["column"], f["kind"]) for f in samples.parse(wide, "a.csv")["findings"]] == [("c299", "email")]
    assert samples.parse(b",".join([b"a"] * 5_000) + b"\n1\n", "a.csv") == {}
    ragged = samples.parse(b"a\n1,ada@example.org\n", "a.csv")
    assert [(f["column"], f["kind"]) for f in ragged["findings"]] == [("column 2", "email")]
    nested = samples.parse(b'[{"a": {"to": ["%s", "ada@example.org"]}}]' % (b"x" * 5_000), "a.json")
    assert [(f["column"], f["kind"]) for f in nested["findings"]] == [("a", "email")]
    headless = samples.parse(b"ada@example.org,1\nbob@example.org,2\n", "a.csv")
    assert {f["column"] for f in headless["findings"]} == {"column 1"}
