"""What was measured of revisions, as their publisher and their subscribers see it."""

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.serializers.profiles import ProfileShape
from marketplace.core.errors import NotFound
from publishers.models import Profile, Revision
from publishers.operations import profiles
from publishers.queries.data_sets import get_owned_revision
from publishers.queries.profiles import get_profile
from subscriptions.queries import get_entitled_revision


def _own(caller: Caller, data_set_id: str, revision_id: str) -> Revision:
    return get_owned_revision(owner=caller.organization, data_set_id=data_set_id, revision_id=revision_id)


def _profile_of(revision: Revision) -> Profile:
    profile = get_profile(revision)
    if profile is None:
        message = "This revision was not measured. Its publisher can have that done."
        raise NotFound("PROFILE", revision.pk, message)
    return profile


class RevisionProfileView(ApiView):
    tag = "Profiles"

    @operation("get_revision_profile", scope="publish:read", gives=ProfileShape)
    def get(self, caller: Caller, data_set_id: str, revision_id: str) -> Profile:
        """Read what was measured of a revision of yours, or how far the measuring has come.

        A finalized revision is measured by itself, over all rows of all its files.
        """
        return _profile_of(_own(caller, data_set_id, revision_id))

    @operation("measure_revision", scope="publish:write", gives=ProfileShape, status=202)
    def post(self, caller: Caller, data_set_id: str, revision_id: str) -> Profile:
        """Have a revision measured again.

        One that is being measured goes on.
        """
        revision = _own(caller, data_set_id, revision_id)
        profiles.measure_again(revision=revision, actor=caller.actor, at=caller.at)
        return _profile_of(revision)


class RevisionProfileCancelView(ApiView):
    tag = "Profiles"

    @operation("cancel_revision_profile", scope="publish:write", gives=ProfileShape)
    def post(self, caller: Caller, data_set_id: str, revision_id: str) -> Profile:
        """Stop the measuring of a revision.

        Refused when it has ended.
        """
        revision = _own(caller, data_set_id, revision_id)
        profiles.cancel_profile(revision=revision, actor=caller.actor, at=caller.at)
        return _profile_of(revision)


class EntitledProfileView(ApiView):
    tag = "Profiles"

    @operation("get_entitled_revision_profile", scope="subscriptions:read", gives=ProfileShape)
    def get(self, caller: Caller, data_set_id: str, revision_id: str) -> Profile:
        """Read what was measured of a revision that you may read."""
        publication = get_entitled_revision(
            organization=caller.organization, data_set_id=data_set_id, revision_id=revision_id, at=caller.at
        )
        return _profile_of(publication.revision)
