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


def _catalog_names(model: dict[str, Any]) -> None:
    for name, pattern in (
        ("ChangeName", "[a-zA-Z][a-zA-Z0-9]*"),
        ("EntityType", r"[a-zA-Z]+(@[0-9]+\.[0-9]+)?"),
        ("Identifier", r"[\w\-@]+|\$[a-zA-Z][a-zA-Z0-9]*\.Entity\.Identifier"),
    ):
        model["shapes"][name]["pattern"] = pattern


def _catalog_tags(model: dict[str, Any]) -> None:
    for name in ("TagKey", "TagValue"):
        model["shapes"][name]["pattern"] = r"[^\x00-\x1f\x7f-\x9f]*"


def _agreement_names(model: dict[str, Any]) -> None:
    for name in ("AgreementApprovalResourceName", "ProposerLegalName"):
        model["shapes"][name]["pattern"] = r"[^\x00-\x1f\x7f-\x9f]+"


def _proposals(model: dict[str, Any]) -> None:
    model["shapes"]["AgreementProposalId"]["pattern"] = r"[A-Za-z0-9-]+"


def _asset_ids(model: dict[str, Any]) -> None:
    shapes = model["shapes"]
    shapes["ListOfAssetIds"] = {"type": "list", "member": {"shape": "Id"}}
    for name in (
        "CreateS3DataAccessFromS3BucketResponseDetails",
        "ImportAssetFromApiGatewayApiResponseDetails",
        "ImportAssetFromSignedUrlResponseDetails",
        "ImportAssetsFromLakeFormationTagPolicyResponseDetails",
        "ImportAssetsFromRedshiftDataSharesResponseDetails",
        "ImportAssetsFromS3ResponseDetails",
    ):
        shapes[name]["members"]["AssetIds"] = {"shape": "ListOfAssetIds"}


def _proxied_bodies(model: dict[str, Any]) -> None:
    shapes = model["shapes"]
    shapes["ProxiedBody"] = {"type": "blob"}
    for name in ("SendApiAssetRequest", "SendApiAssetResponse"):
        shapes[name]["members"]["Body"]["shape"] = "ProxiedBody"
    shapes["ProxiedStatus"] = {"type": "integer"}
    shapes["SendApiAssetResponse"]["members"]["StatusCode"] = {"shape": "ProxiedStatus", "location": "statusCode"}


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
            name="asset-ids",
            reason="A job says which assets it made; AWS leaves clients to find out. SDKs drop members they do not know.",
            apply=_asset_ids,
        ),
        Patch(
            name="proxied-bodies",
            reason="Bodies of proxied APIs need not be text: handlers of SendApiAsset get and give bytes, and give the status.",
            apply=_proxied_bodies,
        ),
    ),
    "marketplace-catalog": (
        Patch(
            name="names-and-references",
            reason="The model's patterns allow no change name longer than one letter, no version in an entity type and no "
            "reference to the entity of another change, all of which the API reference shows and clients send.",
            apply=_catalog_names,
        ),
        Patch(
            name="tag-patterns",
            reason="The model's patterns of tags use classes of Unicode that Python's expressions do not have.",
            apply=_catalog_tags,
        ),
    ),
    "marketplace-agreement": (
        Patch(
            name="proposal-ids",
            reason="The proposal of an agreement is named by the id of an offer or of its version, as the catalogue "
            "shows them; the model's pattern asks for a prefix that they do not have.",
            apply=_proposals,
        ),
        Patch(
            name="name-patterns",
            reason="The model's patterns of names use classes of Unicode that Python's expressions do not have.",
            apply=_agreement_names,
        ),
    ),
}
