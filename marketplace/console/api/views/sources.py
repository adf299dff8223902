"""Registered databases and lake catalogues of the caller's organization."""

from contextlib import suppress
from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.sources import (
    NewSourceConnection,
    SourceConnectionQuery,
    SourceConnectionShape,
)
from marketplace.core import limits
from marketplace.core.errors import Invalid
from marketplace.core.models import SourceConnection, SourceKind
from marketplace.core.operations import sources
from marketplace.core.queries.sources import get_source_connection, list_source_connections
from marketplace.core.sources import SourceFault

#: kind -> (members it needs, members it may have)
MEMBERS: dict[str, tuple[set[str], set[str]]] = {
    SourceKind.POSTGRESQL: ({"host", "database", "username", "password"}, {"port", "sslmode"}),
    SourceKind.ICEBERG_REST: (
        {"uri"},
        {"warehouse", "prefix", "authentication", "secret", "client_id", "oauth_scope", "token_url"},
    ),
}


def _count_test(caller: Caller) -> None:
    limits.count(f"source-test:{caller.organization.pk}", most=sources.TESTS, window_s=sources.TESTS_WINDOW_S)


class SourceConnectionsView(ApiView):
    tag = "Source connections"

    @operation("list_source_connections", scope="publish:read", asks=SourceConnectionQuery, lists=SourceConnectionShape)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List your registered databases and catalogues, newest first."""
        kind = query.get("kind", "")
        rows = list_source_connections(organization=caller.organization, kind=kind)
        return page_of(
            rows, order_by=("-created_at", "pk"), query=query, binding=["sources", caller.organization.pk, kind]
        )

    # One living source per address is a constraint: a repetition whose first answer was lost finds it taken.
    @operation(
        "create_source_connection",
        scope="publish:write",
        takes=NewSourceConnection,
        gives=SourceConnectionShape,
        status=201,
        in_transaction=False,
    )
    def post(self, caller: Caller, body: dict[str, Any]) -> SourceConnection:
        """Register a database or a catalogue.

        It is tested by signing in and reading; when that fails nothing is stored.
        """
        kind, name = body.pop("kind"), body.pop("name")
        needed, possible = MEMBERS[kind]
        for field in body:
            if field not in needed | possible:
                raise Invalid(f"A source of the kind {kind} has no member {field}.", field=field)
        for field in sorted(needed - set(body)):
            raise Invalid("This field is needed.", field=field)
        _count_test(caller)
        common = {"organization": caller.organization, "name": name, "actor": caller.actor, "at": caller.at}
        if kind == SourceKind.POSTGRESQL:
            return sources.create_postgresql_source(**{"port": 5432} | body, **common)
        return sources.create_iceberg_source(**body, **common)


class SourceConnectionView(ApiView):
    tag = "Source connections"

    @operation("get_source_connection", scope="publish:read", gives=SourceConnectionShape)
    def get(self, caller: Caller, source_id: str) -> SourceConnection:
        """Read a source."""
        return get_source_connection(organization=caller.organization, connection_id=source_id)

    @operation("remove_source_connection", scope="publish:write")
    def delete(self, caller: Caller, source_id: str) -> None:
        """Forget a source and its secret: nothing is read there any more."""
        connection = get_source_connection(organization=caller.organization, connection_id=source_id)
        sources.remove_source_connection(connection=connection, actor=caller.actor, at=caller.at)


class SourceConnectionTestView(ApiView):
    tag = "Source connections"

    @operation("test_source_connection", scope="publish:write", gives=SourceConnectionShape, in_transaction=False)
    def post(self, caller: Caller, source_id: str) -> SourceConnection:
        """Sign in and read now.

        The answer tells how it went in `is_proved` and `failure`; a failed test is no error of this request.
        """
        connection = get_source_connection(organization=caller.organization, connection_id=source_id)
        _count_test(caller)
        with suppress(SourceFault):  # recorded on the connection, which is what we answer
            sources.prove_source_connection(connection=connection, at=caller.at)
        return get_source_connection(organization=caller.organization, connection_id=source_id)
