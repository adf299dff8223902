"""Deviations from the vendors' service models, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Patch:
    """A change to a model document, in place; `apply` raises KeyError when the model no longer has what it changes."""

    name: str
    reason: str
    apply: Callable[[dict[str, Any]], None]


def _account_id(model: dict[str, Any]) -> None:
    shape = model["shapes"]["AwsAccountId"]
    if shape["pattern"] == r".*/^[\d]{12}$/.*":
        shape["pattern"] = r"\d{12}"


def _text_bounds(model: dict[str, Any]) -> None:
    for name, least, most in (("Name", 1, 256), ("Description", 1, 16384), ("AssetName", 1, 1024)):
        model["shapes"][name].update(min=least, max=most)


def _proxied_bodies(model: dict[str, Any]) -> None:
    shapes = model["shapes"]
    shapes["ProxiedBody"] = {"type": "blob"}
    for name in ("SendApiAssetRequest", "SendApiAssetResponse"):
        shapes[name]["members"]["Body"]["shape"] = "ProxiedBody"


PATCHES: Mapping[str, tuple[Patch, ...]] = {
    "dataexchange": (
        Patch(
            name="account-id-pattern",
            reason="The model's pattern of AwsAccountId has slashes around its anchors: no account id matches it.",
            apply=_account_id,
        ),
        Patch(
            name="text-bounds",
            reason="Bounds that the user guide states and the model leaves out: names 256, descriptions 16,384; "
            "asset names become object keys, which S3 ends at 1,024.",
            apply=_text_bounds,
        ),
        Patch(
            name="proxied-bodies",
            reason="Bodies of proxied APIs need not be text: handlers of SendApiAsset get and give bytes.",
            apply=_proxied_bodies,
        ),
    ),
}
