"""Changes of an operator that need to know more than the core: one door for pages and programs."""

from datetime import datetime

from marketplace.console.operator.queries import list_publishing_organization_ids
from marketplace.core.actors import Actor
from marketplace.core.models import SiteSettings
from marketplace.core.operations import site


def change_approvals(*, approves_publishers: bool, approves_products: bool, actor: Actor, at: datetime) -> SiteSettings:
    """Set what waits for an operator; organizations that publish already count as approved."""
    return site.change_approvals(
        approves_publishers=approves_publishers,
        approves_products=approves_products,
        already_publishing=list_publishing_organization_ids() if approves_publishers else [],
        actor=actor,
        at=at,
    )
