"""Who does something: stands in every audit row."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """The person, credential or part of the system behind an operation."""

    kind: str  # user, token, access_key, system
    user_id: int | None = None
    organization_id: str | None = None
    credential_id: str = ""
    request_id: str = ""
    ip: str | None = None

    @property
    def label(self) -> str:
        """Return a short name for logs and audit, never a secret."""
        return f"{self.kind}:{self.credential_id or self.user_id or 'entrepot'}"


SYSTEM = Actor(kind="system")
