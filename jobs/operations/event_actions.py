"""Auto-exports: set up, pause, remove, and the jobs that they start."""

from contextlib import suppress
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from jobs import key_patterns
from jobs.models import Encryption, EventAction, Job, JobType
from jobs.operations import exports
from marketplace.core import audit
from marketplace.core.actors import SYSTEM, Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded, NotFound
from marketplace.core.models import Organization, StorageConnection
from marketplace.core.operations.storage import prove_storage_connection
from marketplace.core.operations.tags import check_tags
from marketplace.core.storage import StorageFault
from publishers.models import PublishedDataSet, PublishedRevision, Revision
from subscriptions.queries import may_read


class AutoExportExists(Conflict):
    message = "This data set is already exported to this bucket under the same key pattern."


class DestinationRefused(Invalid):
    """The test write to the bucket failed; the message is the store's reason in a sentence."""

    def __init__(self, fault: StorageFault) -> None:
        #: the word that the AWS-shaped API has for a key without the right
        self.exception_cause = "S3AccessDenied" if fault.cause == "unauthorized" else ""
        super().__init__(str(fault), field="connection")


def create_event_action(
    *,
    organization: Organization,
    published_data_set: PublishedDataSet,
    connection: StorageConnection,
    key_pattern: str,
    actor: Actor,
    at: datetime,
    encryption: str = Encryption.NONE,
    tags: dict[str, str] | None = None,
    may_repeat: bool = False,
) -> EventAction:
    """Deliver each future revision of an entitled data set to a bucket. The bucket is tested first.

    may_repeat: a second one of the same bucket and pattern is wanted, as AWS allows; people make one by mistake only.

    Raises KeyPatternRefused, DestinationRefused, AutoExportExists, and LimitExceeded "Auto export event actions per data
    set" or "Event actions per account"; nothing is stored then.
    """
    pattern = key_patterns.check(key_pattern or key_patterns.DEFAULT_FOR_EVENT_ACTIONS)
    try:
        prove_storage_connection(connection=connection, at=at, leave_object=True)
    except StorageFault as fault:
        raise DestinationRefused(fault) from fault
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=organization.pk)
        living = EventAction.objects.filter(organization=organization, deleted_at=None)
        for name, count in (
            ("Event actions per account", living.count()),
            ("Auto export event actions per data set", living.filter(published_data_set=published_data_set).count()),
        ):
            if count >= settings.QUOTAS[name]:
                raise LimitExceeded(name, settings.QUOTAS[name])
        same = living.filter(published_data_set=published_data_set, connection=connection, key_pattern=pattern)
        if not may_repeat and same.exists():
            raise AutoExportExists("EVENT_ACTION", published_data_set.pk)
        action = EventAction.objects.create(
            organization=organization,
            published_data_set=published_data_set,
            connection=connection,
            key_pattern=pattern,
            encryption=encryption,
            tags=check_tags(tags),
            created_at=at,
            updated_at=at,
        )
        audit.record("auto_export.created", actor=actor, subject=action, detail={"key_pattern": pattern})
    return action


def update_event_action(
    *,
    event_action: EventAction,
    connection: StorageConnection,
    key_pattern: str,
    actor: Actor,
    at: datetime,
    encryption: str = Encryption.NONE,
) -> EventAction:
    """Send future revisions elsewhere; the data set stays. The bucket is tested first.

    Raises KeyPatternRefused, DestinationRefused, NotFound; nothing is changed then.
    """
    pattern = key_patterns.check(key_pattern or key_patterns.DEFAULT_FOR_EVENT_ACTIONS)
    try:
        prove_storage_connection(connection=connection, at=at, leave_object=True)
    except StorageFault as fault:
        raise DestinationRefused(fault) from fault
    with transaction.atomic():
        action = _lock(event_action)
        action.connection, action.key_pattern, action.encryption = connection, pattern, encryption
        action.updated_at = at
        action.save(update_fields=["connection", "key_pattern", "encryption", "updated_at"])
        audit.record("auto_export.updated", actor=actor, subject=action, detail={"key_pattern": pattern})
    return action


def _lock(event_action: EventAction) -> EventAction:
    found = EventAction.objects.select_for_update().filter(pk=event_action.pk, deleted_at=None).first()
    if found is None:
        raise NotFound("EVENT_ACTION", event_action.pk)
    return found


@transaction.atomic
def set_enabled(*, event_action: EventAction, is_enabled: bool, actor: Actor, at: datetime) -> EventAction:
    """Pause or resume an auto-export. While paused, new revisions are not delivered."""
    event_action = _lock(event_action)
    if event_action.is_enabled != is_enabled:
        event_action.is_enabled = is_enabled
        event_action.updated_at = at
        event_action.save(update_fields=["is_enabled", "updated_at"])
        audit.record("auto_export.resumed" if is_enabled else "auto_export.paused", actor=actor, subject=event_action)
    return event_action


@transaction.atomic
def delete_event_action(*, event_action: EventAction, actor: Actor, at: datetime) -> None:
    """Stop an auto-export for good; its jobs and receipts stay. Twice changes nothing."""
    if EventAction.objects.filter(pk=event_action.pk, deleted_at=None).update(deleted_at=at, updated_at=at):
        audit.record("auto_export.deleted", actor=actor, subject=event_action)


def start_auto_exports(*, published_data_set: PublishedDataSet, revision: Revision, at: datetime) -> int:
    """Create and start one job per auto-export of the data set; return how many are new. Twice adds nothing."""
    started = 0
    publication = PublishedRevision.objects.get(published_data_set=published_data_set, revision=revision)
    # Only what is published after an auto-export was set up; earlier revisions are exported by hand.
    actions = EventAction.objects.filter(
        published_data_set=published_data_set,
        deleted_at=None,
        is_enabled=True,
        created_at__lte=publication.published_at,
    )
    for action in actions.select_related("organization", "connection"):
        if not may_read(
            organization=action.organization, data_set_id=published_data_set.pk, revision_id=revision.pk, at=at
        ):
            continue
        with transaction.atomic():
            try:
                with transaction.atomic():
                    job = Job.objects.create(
                        organization=action.organization,
                        type=JobType.EXPORT_REVISIONS_TO_S3,
                        request={"key_pattern": action.key_pattern, "encryption": action.encryption},
                        data_set_id=published_data_set.data_set_id,
                        published_data_set=published_data_set,
                        revision=revision,
                        connection=action.connection,
                        event_action=action,
                        created_at=at,
                        updated_at=at,
                    )
            except IntegrityError:
                continue
            with suppress(exports.KeysCollide):  # the job's own run says so; other organizations' exports go on
                exports.plan(job=job)
            exports.start(job=job, actor=SYSTEM, at=at)
            started += 1
    return started
