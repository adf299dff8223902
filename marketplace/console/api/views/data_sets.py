"""What the AWS-shaped API has no answer for, or a longer one: taking back and deleting what nobody has."""

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.serializers.data_sets import RevisionShape
from publishers.models import Revision
from publishers.operations import data_sets, revisions
from publishers.queries.data_sets import get_owned_data_set, get_owned_revision


class DataSetView(ApiView):
    tag = "Data sets"

    @operation("delete_data_set", scope="publish:write")
    def delete(self, caller: Caller, data_set_id: str) -> None:
        """Delete a data set with its revisions.

        Refused while a product or a data grant holds it.
        """
        data_set = get_owned_data_set(owner=caller.organization, data_set_id=data_set_id)
        data_sets.delete_data_set(data_set=data_set, actor=caller.actor, at=caller.at)


class RevisionView(ApiView):
    tag = "Data sets"

    @operation("delete_revision", scope="publish:write")
    def delete(self, caller: Caller, data_set_id: str, revision_id: str) -> None:
        """Delete a revision with its assets.

        Refused once it is published. Jobs and receipts stay.
        """
        revision = get_owned_revision(owner=caller.organization, data_set_id=data_set_id, revision_id=revision_id)
        revisions.delete_revision(revision=revision, actor=caller.actor, at=caller.at)


class RevisionReopenView(ApiView):
    tag = "Data sets"

    @operation("reopen_revision", scope="publish:write", gives=RevisionShape)
    def post(self, caller: Caller, data_set_id: str, revision_id: str) -> Revision:
        """Make a finalized revision a draft again.

        Refused once it is published. A draft stays as it is.
        """
        revision = get_owned_revision(owner=caller.organization, data_set_id=data_set_id, revision_id=revision_id)
        return revisions.reopen_revision(revision=revision, actor=caller.actor, at=caller.at)
