"""Asks for the profile of a revision, cancels it, and keeps what a run has found."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum

from marketplace.core import audit, work
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict
from marketplace.core.events import publish_on_commit
from publishers.models import Profile, ProfiledTable, ProfileState, Revision
from publishers.operations.locking import lock_revision
from publishers.queries.manifests import manifest_digest

LIVE = (ProfileState.WAITING, ProfileState.RUNNING)
#: below it lie the Parquet files of all runs: profiles/{revision}/{run}/{number}.parquet
VAULT_FOLDER = "profiles"


class ProfileNotLive(Conflict):
    message = "The profile is not being measured now, so there is nothing to cancel."


class NothingToMeasure(Conflict):
    message = "The revision holds no files, so there is nothing to measure."


@transaction.atomic
def ensure_profile(*, revision: Revision, at: datetime) -> Profile:
    """Return the profile of a revision's files as they are now; where there is none yet, or of other files, have it measured.

    One that failed or was cancelled stays as it is until somebody asks for it again. Raises NotFound.
    """
    revision = lock_revision(revision.pk)
    digest = manifest_digest(revision=revision)
    profile = Profile.objects.select_for_update().filter(pk=revision.pk).first()
    if profile is not None and profile.digest == digest:
        return profile
    return _start(revision, digest, at)


@transaction.atomic
def measure_again(*, revision: Revision, actor: Actor, at: datetime) -> Profile:
    """Have a revision measured anew; one that is being measured goes on. Raises NothingToMeasure, NotFound."""
    revision = lock_revision(revision.pk)
    digest = manifest_digest(revision=revision)
    if not digest:
        raise NothingToMeasure("REVISION", revision.pk)
    profile = Profile.objects.select_for_update().filter(pk=revision.pk).first()
    if profile is not None and profile.is_live and profile.digest == digest:
        return profile
    audit.record("revision.profile_requested", actor=actor, subject=revision, at=at)
    return _start(revision, digest, at)


@transaction.atomic
def cancel_profile(*, revision: Revision, actor: Actor, at: datetime) -> Profile:
    """Stop the measuring of a revision; its run notices within seconds and leaves nothing. Raises ProfileNotLive."""
    revision = lock_revision(revision.pk)
    profile = Profile.objects.select_for_update().filter(pk=revision.pk).first()
    if profile is None or not profile.is_live:
        raise ProfileNotLive("REVISION", revision.pk)
    profile.state, profile.finished_at = ProfileState.CANCELLED, at
    profile.save(update_fields=["state", "finished_at"])
    audit.record("revision.profile_cancelled", actor=actor, subject=revision, at=at)
    _announce(revision)
    return profile


def _start(revision: Revision, digest: str, at: datetime) -> Profile:
    """Write the row anew and enqueue its run; without files there is nothing to wait for."""
    ProfiledTable.objects.filter(profile=revision.pk).delete()
    state = ProfileState.WAITING if digest else ProfileState.DONE
    size = revision.assets.aggregate(total=Sum("size_bytes"))["total"] or 0
    profile, _ = Profile.objects.update_or_create(
        revision=revision,
        defaults={
            "state": state,
            "digest": digest,
            "is_partial": False,
            "notes": [],
            "error": "",
            "files_total": revision.assets.exclude(vault_key="").count(),
            "files_done": 0,
            "bytes_total": size,
            "bytes_done": 0,
            "created_at": at,
            "started_at": None,
            "finished_at": None if digest else at,
        },
    )
    if digest:
        token = token_of(profile)
        work.enqueue(
            "publishers.profile_revision",
            key=f"{revision.pk}:{token}",
            organization_id=revision.data_set.owner_id,
            revision_id=revision.pk,
            token=token,
        )
    else:
        _announce(revision)
    return profile


def token_of(profile: Profile) -> str:
    """Return what tells one request from the next: a run of an older one finds another token and ends."""
    return f"{profile.digest[:16]}:{profile.created_at.isoformat()}"


def _announce(revision: Revision) -> None:
    publish_on_commit(
        "revision.profiled",
        organization_id=revision.data_set.owner_id,
        revision_id=revision.pk,
        data_set_id=revision.data_set_id,
    )


@transaction.atomic
def begin_run(*, revision_id: str, token: str, at: datetime) -> Profile | None:
    """Return the profile that a run is to measure, RUNNING from now; None when it has ended or is another's.

    One that is RUNNING already belonged to a worker that died: whoever asks holds the lease of its work row.
    """
    profile = (
        Profile.objects.select_for_update(of=("self",))
        .select_related("revision__data_set")
        .filter(pk=revision_id)
        .first()
    )
    if profile is None or not profile.is_live or token_of(profile) != token:
        return None
    profile.state, profile.started_at = ProfileState.RUNNING, at
    profile.files_done = profile.bytes_done = 0
    profile.save(update_fields=["state", "started_at", "files_done", "bytes_done"])
    return profile


def record_progress(*, profile: Profile, files_done: int, bytes_done: int) -> bool:
    """Write how far a run has come; return False when it was cancelled, asked for anew, or deleted with its revision."""
    mine = Profile.objects.filter(pk=profile.pk, state=ProfileState.RUNNING, created_at=profile.created_at)
    return bool(mine.update(files_done=files_done, bytes_done=bytes_done))


@transaction.atomic
def fail_profile(*, revision_id: str, token: str, reason: str, at: datetime) -> None:
    """End a profile without a result; one that has ended stays as it is."""
    profile = (
        Profile.objects.select_for_update(of=("self",))
        .select_related("revision__data_set")
        .filter(pk=revision_id)
        .first()
    )
    if profile is None or not profile.is_live or token_of(profile) != token:
        return
    profile.state, profile.error, profile.finished_at = ProfileState.FAILED, reason[:500], at
    profile.save(update_fields=["state", "error", "finished_at"])
    _announce(profile.revision)


@transaction.atomic
def finish_run(
    *, profile: Profile, tables: list[ProfiledTable], notes: list[dict[str, Any]], is_partial: bool, at: datetime
) -> bool:
    """Keep what a run found, all of it at once; return False when the profile is no longer the run's."""
    found = (
        Profile.objects.select_for_update(of=("self",))
        .select_related("revision__data_set")
        .filter(pk=profile.pk)
        .first()
    )
    if found is None or found.state != ProfileState.RUNNING or found.created_at != profile.created_at:
        return False
    ProfiledTable.objects.filter(profile=found).delete()
    ProfiledTable.objects.bulk_create(tables, batch_size=50)
    found.state, found.notes, found.is_partial, found.finished_at = ProfileState.DONE, notes, is_partial, at
    found.files_done, found.bytes_done, found.error = found.files_total, found.bytes_total, ""
    found.save()
    _announce(found.revision)
    return True


def forget_profile(revision: Revision) -> None:
    """Have the objects of a revision's profile removed once the caller's transaction, which deletes it, has committed."""
    if Profile.objects.filter(pk=revision.pk).exists():
        work.enqueue("publishers.sweep_profile", key=f"{revision.pk}:deleted", revision_id=revision.pk)
