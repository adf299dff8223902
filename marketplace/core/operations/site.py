"""How the installation looks, what it keeps of sales and what needs its operator's approval."""

import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from PIL import Image

from marketplace.core import audit, brand, contrast
from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid
from marketplace.core.models import Organization, PublisherState, SiteSettings

LOGO_SIDE = 256
MOST_BASIS_POINTS = 10_000


class HueIsUnreadable(Invalid):
    """Text or controls would not stand out enough in this hue; the sentence names which."""


def installation(actor: Actor) -> Actor:
    """Return the actor for facts about the installation: they stand in its own audit chain, not in an organization's."""
    return replace(actor, organization_id=None)


def _locked() -> SiteSettings:
    SiteSettings.objects.get_or_create(pk=1)
    return SiteSettings.objects.select_for_update().get(pk=1)


def _save(row: SiteSettings, changes: dict[str, Any], *, actor: Actor, at: datetime) -> SiteSettings:
    before = {name: getattr(row, name) for name in changes}
    changed = {name: value for name, value in changes.items() if value != before[name]}
    if changed:
        for name, value in changed.items():
            setattr(row, name, value)
        row.updated_at = at
        row.save(update_fields=[*changed, "updated_at"])
        detail = {name: {"from": before[name], "to": value} for name, value in changed.items()}
        audit.record("site.changed", actor=installation(actor), subject=row, detail=detail)
    transaction.on_commit(brand.forget)
    return row


@transaction.atomic
def change_brand(*, name: str, hue: int | None, actor: Actor, at: datetime) -> SiteSettings:
    """Set name and hue of the exchange; an empty name and no hue stand for those of the environment.

    Raises Invalid for a name over 60 characters or with control characters, HueIsUnreadable for a hue in which a pair
    of tokens has too little contrast in a theme.
    """
    name = " ".join(name.split())
    if len(name) > 60 or not name.isprintable():
        raise Invalid("Use at most 60 characters, all of them visible.", field="name")
    if hue is not None:
        if not 0 <= hue <= 360:
            raise Invalid("A hue is an angle from 0 to 360.", field="hue")
        bad = contrast.failing(hue)
        if bad:
            pairs = ", ".join(f"{each.label.lower()} ({each.theme}, {each.ratio:.1f}:1)" for each in bad[:6])
            raise HueIsUnreadable(f"In this hue some things cannot be read well enough: {pairs}.", field="hue")
    return _save(_locked(), {"name": name, "hue": hue}, actor=actor, at=at)


def set_logo(*, picture: Image.Image, actor: Actor, at: datetime) -> SiteSettings:
    """Keep a decoded picture as the logo: written anew as PNG of at most 256 x 256 px, under a name never used before."""
    fitted = picture.convert("RGBA")
    fitted.thumbnail((LOGO_SIDE, LOGO_SIDE))
    encoded = io.BytesIO()
    fitted.save(encoded, "PNG", optimize=True)
    field = SiteSettings._meta.get_field("logo")
    stored = field.storage.save(f"site/logo-{at:%Y%m%d%H%M%S}.png", ContentFile(encoded.getvalue()))
    return _change_logo(stored, actor=actor, at=at)


def remove_logo(*, actor: Actor, at: datetime) -> SiteSettings:
    """Go back to the logo of the environment. Twice changes nothing."""
    return _change_logo("", actor=actor, at=at)


@transaction.atomic
def _change_logo(stored: str, *, actor: Actor, at: datetime) -> SiteSettings:
    row = _locked()
    if str(row.logo or "") != stored:
        row.logo = stored
        row.updated_at = at
        row.save(update_fields=["logo", "updated_at"])
        action = "site.logo_set" if stored else "site.logo_removed"
        audit.record(action, actor=installation(actor), subject=row)
    transaction.on_commit(brand.forget)
    return row


@transaction.atomic
def change_commission(*, basis_points: int, actor: Actor, at: datetime) -> SiteSettings:
    """Set what the operator keeps of each sale from now on, in hundredths of a per cent. Raises Invalid."""
    if not 0 <= basis_points <= MOST_BASIS_POINTS:
        raise Invalid("The commission is 0 to 100 per cent.", field="commission")
    return _save(_locked(), {"commission_basis_points": basis_points}, actor=actor, at=at)


@transaction.atomic
def change_approvals(
    *,
    approves_publishers: bool,
    approves_products: bool,
    already_publishing: Iterable[str],
    actor: Actor,
    at: datetime,
) -> SiteSettings:
    """Set whether publishers and products wait for an operator.

    already_publishing: ids of organizations with a product in the catalogue; when the approval of publishers is turned
    on they count as approved, so that nobody is stopped in the middle of their work.
    """
    row = _locked()
    if approves_publishers and not row.approves_publishers:
        Organization.objects.filter(pk__in=list(already_publishing)).exclude(
            publisher_state=PublisherState.DECLINED
        ).update(publisher_state=PublisherState.APPROVED)
    changes = {"approves_publishers": approves_publishers, "approves_products": approves_products}
    return _save(row, changes, actor=actor, at=at)
