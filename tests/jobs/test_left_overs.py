"""What jobs leave in the vault is removed, and nothing else is."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import Job, JobState
from jobs.operations import imports
from jobs.operations.left_overs import remove_left_overs
from marketplace.core import storage
from marketplace.core.ids import new_id
from publishers.operations.revisions import add_described_asset
from tests.conftest import actor_of

pytestmark = pytest.mark.django_db
MD5 = "1B2M2Y8AsgTpgAmY7PhCfg=="


def put(key: str) -> str:
    storage.vault().put(key, b"x")
    return key


def is_there(key: str) -> bool:
    return storage.vault().find(key) is not None


def job_in(state: str, revision, publisher) -> Job:
    job = imports.create_import_from_signed_url(
        organization=publisher.organization,
        revision=revision,
        name=f"{state}.csv",
        md5=MD5,
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    Job.objects.filter(pk=job.pk).update(state=state)
    return job


def test_uploads_of_ended_and_unknown_jobs_go_and_those_of_others_stay(draft_revision, publisher):
    ended = put(imports.incoming(job_in(JobState.ERROR, draft_revision, publisher)))
    unknown = put(f"incoming/{new_id()}")
    kept = [put(imports.incoming(job_in(s, draft_revision, publisher))) for s in ("WAITING", "IN_PROGRESS")]
    remove_left_overs(at=timezone.now())
    assert all(map(is_there, [ended, unknown, *kept])), "a run may be at work on what is young"
    remove_left_overs(at=timezone.now() + timedelta(days=2))
    assert not is_there(ended) and not is_there(unknown)
    assert all(map(is_there, kept))


def test_a_specification_goes_when_no_asset_has_it(draft_revision, publisher):
    mine, left = put(f"specifications/{new_id()}-1"), put(f"specifications/{new_id()}-1")
    add_described_asset(
        revision=draft_revision,
        asset_id=new_id(),
        name="api",
        details={"SpecificationKey": mine},
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    remove_left_overs(at=timezone.now() + timedelta(days=2))
    assert is_there(mine) and not is_there(left)
