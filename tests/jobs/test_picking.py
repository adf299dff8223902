"""What is ticked of a bucket before an import: read from forms, kept across folders, expanded up to the quota."""

import pytest
from django.http import QueryDict

from jobs import picking
from jobs.models import Job
from marketplace.core import storage, work
from marketplace.core.errors import Invalid, LimitExceeded
from tests.conftest import connect
from tests.console.pages import sign_in


def read(query):
    return picking.read_selection(QueryDict(query))


def test_a_form_carries_files_of_this_page_and_of_others():
    picked = read("file=5+a.csv&file=12+b.csv&file=x+c.csv&file=5+a.csv&folder=2026/&folder=2026/&folder=file")
    assert picked.keys == {"a.csv": 5, "b.csv": 12, "c.csv": 0}
    assert picked.folders == ("2026/",)
    assert not picked.is_cut


@pytest.mark.parametrize("query", ["file=", "file=1+a%00b", f"file=1+{'x' * 1025}", "file=5", "folder=%00/"])
def test_what_cannot_be_a_key_is_left_out(query):
    assert read(query) == picking.Selection()


def test_more_than_a_form_can_carry_is_cut_and_said():
    picked = read("&".join(f"file=1+k{n}" for n in range(700)))
    assert len(picked.keys) == picking.MOST_PICKED
    assert picked.is_cut


def test_only_a_folder_alone_is_left_to_the_run():
    assert read("folder=a/").only_folder == "a/"
    assert read("folder=a/&folder=b/").only_folder is None
    assert read("folder=a/&file=1+b").only_folder is None


@pytest.fixture
def source(publisher, bucket_name):
    """A bucket with a file, and folders of two and of 120 files."""
    connection = connect(publisher, bucket_name)
    bucket = storage.bucket_of(connection)
    for key in ("top.csv", "small/a.csv", "small/deep/b.csv", "small/empty/"):
        bucket.write(key, iter([b"x,y\n1,2\n"]), content_type="text/csv")
    for number in range(120):
        bucket.write(f"large/{number:03}.csv", iter([b"x\n1\n"]), content_type="text/csv")
    return connection


@pytest.fixture
def url(draft_revision, source):
    return (
        f"/publish/data-sets/{draft_revision.data_set_id}/revisions/{draft_revision.pk}/import"
        f"?from=s3&connection={source.pk}"
    )


@pytest.mark.django_db
def test_folders_are_expanded_and_more_than_the_quota_is_refused(source):
    bucket = storage.bucket_of(source)
    assert picking.expand(bucket, read("file=8+top.csv&folder=small/"), most=100) == [
        "top.csv",
        "small/a.csv",
        "small/deep/b.csv",
    ]
    with pytest.raises(LimitExceeded, match=r"\(1 folder and 1 file\) holds more than 100 files"):
        picking.expand(bucket, read("file=8+top.csv&folder=large/"), most=100)
    with pytest.raises(LimitExceeded):
        picking.expand(bucket, read("file=1+a&file=1+b&file=1+c"), most=2)
    with pytest.raises(Invalid, match="no file in these folders"):
        picking.expand(bucket, read("folder=nothing/&folder=none/"), most=100)


@pytest.mark.django_db
def test_what_is_ticked_goes_along_through_folders_and_is_imported(client, publisher, draft_revision, url):
    sign_in(client, publisher)
    moved = client.post(f"{url}&prefix=small/", {"go": "small", "file": ["8 top.csv"], "folder": ["large/"]})
    assert moved.status_code == 200
    assert not Job.objects.exists()
    page = moved.content.decode()
    assert 'name="file" value="8 top.csv"' in page
    assert 'name="folder" value="large/" checked' in page
    back = client.post(url, {"go": "top", "file": ["8 small/a.csv", "8 top.csv"]}).content.decode()
    assert 'name="file" value="8 small/a.csv"' in back
    assert "2 files ticked, 16 B" in back
    refused = client.post(url, {"file": ["8 small/a.csv"], "folder": ["large/"]})
    assert refused.status_code == 429
    assert "which is the most of one import" in refused.content.decode()
    assert 'name="file" value="8 small/a.csv"' in refused.content.decode()
    client.post(f"{url}&prefix=small/", {"file": ["8 top.csv", "8 small/a.csv"], "folder": ["small/deep/"]})
    work.run_due()
    assert set(draft_revision.assets.values_list("name", flat=True)) == {
        "departures.csv",
        "top.csv",
        "small/a.csv",
        "small/deep/b.csv",
    }


@pytest.mark.django_db
def test_one_folder_alone_has_no_limit(client, publisher, draft_revision, url):
    sign_in(client, publisher)
    client.post(url, {"folder": ["large/"]})
    work.run_due()
    assert draft_revision.assets.filter(name__startswith="large/").count() == 120


@pytest.mark.django_db
def test_a_page_of_a_bucket_runs_few_queries(client, publisher, url, django_assert_max_num_queries):
    sign_in(client, publisher)
    with django_assert_max_num_queries(15):
        page = client.get(f"{url}&prefix=large/").content.decode()
    assert page.count('name="file"') == 120
