"""What a handler knows about the call besides its members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from marketplace.awsapi.service import load_service
from marketplace.core.actors import Actor

if TYPE_CHECKING:
    from marketplace.core.models import Organization, User


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The caller and the call. `now` is an aware UTC instant; handlers read no other clock."""

    organization: Organization
    #: who stands behind the credential
    user: User
    actor: Actor
    scopes: frozenset[str]
    now: datetime
    request_id: str
    region: str
    operation: str
    service: str = "dataexchange"
    #: the validated members by model name: page tokens are bound to those that filter
    members: Mapping[str, Any] = field(default_factory=dict)
    #: query parameters that the model does not have, the first of repeated ones; what we offer beyond AWS reads them
    options: Mapping[str, str] = field(default_factory=dict)

    def arn(self, suffix: str, *, owned: bool = True) -> str:
        """Return the ARN of a resource; what is entitled has an empty account field, as on AWS."""
        account = self.organization.account_id if owned else ""
        return f"arn:aws:{load_service(self.service).signing_name}:{self.region}:{account}:{suffix}"
