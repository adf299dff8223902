"""Who the caller is."""

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ANY_MEMBER, ApiView, operation
from marketplace.console.api.serializers.account import Whoami


class WhoamiView(ApiView):
    tag = "Account"

    @operation("get_whoami", scope=ANY_MEMBER, gives=Whoami)
    def get(self, caller: Caller) -> Caller:
        """Tell who the credentials belong to."""
        return caller
