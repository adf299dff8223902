"""What databases and catalogues have in common: how their secrets are kept, and how it is said that one does not work."""

from marketplace.core import crypto
from marketplace.core.models import SourceConnection


class SourceFault(Exception):
    """A source did not do what was asked; `cause` is one word, the text is a sentence for people.

    cause: refused, unreachable, busy, unauthorized, missing, rejected, too_large. field: of the registration, where
    changing one can mend it.
    """

    def __init__(self, cause: str, sentence: str, *, field: str = "") -> None:
        self.cause = cause
        self.field = field
        super().__init__(sentence)

    @property
    def is_temporary(self) -> bool:
        """Return True when trying again later may help."""
        return self.cause in {"unreachable", "busy"}


def _sealing_place(connection: SourceConnection) -> dict[str, str]:
    return {
        "table": "core_sourceconnection",
        "column": "secret",
        "row": connection.pk,
        "organization": connection.organization_id,
    }


def seal_secret(connection: SourceConnection, secret: str) -> None:
    """Put a password, token or client secret on the row, sealed for it; an empty one stays empty."""
    connection.sealed_secret = crypto.seal(secret, **_sealing_place(connection)) if secret else b""


def secret_of(connection: SourceConnection) -> str:
    """Return the secret of a row; empty when there is none. Raises SecretCannotBeOpened."""
    sealed = bytes(connection.sealed_secret)
    return crypto.unseal(sealed, **_sealing_place(connection)) if sealed else ""
