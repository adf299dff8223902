"""Handler of the AWS Data Exchange API that calls the APIs of publishers."""

from typing import Any

from dataapi import proxy
from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.errors import ApiError
from marketplace.awsapi.registry import handler
from marketplace.core import limits
from marketplace.core.errors import Denied, Invalid, NotFound
from marketplace.core.waiting import slow_call
from publishers.models import Asset, AssetType
from publishers.operations import activity
from publishers.queries.data_sets import get_owned_data_set, get_owned_revision
from publishers.shapes import Shape
from subscriptions.queries import get_entitled_data_set, get_visible_revision

#: calls of one organization to one asset. Source: AWS Data Exchange user guide, quotas of API data sets
CALLS, WINDOW_S = 10, 1


class NotEntitled(Denied):
    message = "Your organization is not entitled to this data set, or there is none of this id."


def _find(context: ApiContext, data_set_id: str, revision_id: str, asset_id: str) -> tuple[Asset, str]:
    """Return the asset and the product through which it is reached. Raises NotEntitled, NotFound, Denied, Invalid."""
    product_id = ""
    try:
        get_owned_data_set(owner=context.organization, data_set_id=data_set_id)
    except NotFound:
        try:
            entry = get_entitled_data_set(organization=context.organization, data_set_id=data_set_id, at=context.now)
        except NotFound:
            raise NotEntitled from None
        product_id = entry.product_id or ""
        revision = get_visible_revision(
            organization=context.organization, data_set_id=data_set_id, revision_id=revision_id, at=context.now
        ).revision
    else:
        revision = get_owned_revision(owner=context.organization, data_set_id=data_set_id, revision_id=revision_id)
    if revision.revoked_at is not None:
        raise Denied(f"The publisher has revoked this revision: {revision.revocation_comment}")
    asset = Asset.objects.select_related("revision__data_set__owner").filter(revision=revision, pk=asset_id).first()
    if asset is None:
        raise NotFound("ASSET", asset_id)
    if asset.revision.data_set.asset_type != AssetType.API_GATEWAY_API:
        raise Invalid("This asset is no API.", field="AssetId")
    return asset, product_id


@handler("SendApiAsset")
def send_api_asset(
    context: ApiContext,
    *,
    asset_id: str,
    data_set_id: str,
    revision_id: str,
    body: bytes = b"",
    query_string_parameters: dict[str, str] | None = None,
    request_headers: dict[str, str] | None = None,
    method: str = "GET",
    path: str = "/",
) -> Shape:
    """Status, headers and body are those of the publisher's API; what it never answered is 502, what took too long 504."""
    asset, product_id = _find(context, data_set_id, revision_id, asset_id)
    limits.count(f"api-asset:{context.organization.pk}:{asset.pk}", most=CALLS, window_s=WINDOW_S)
    source = asset.revision
    owner = source.data_set.owner.account_id
    about: dict[str, Any] = {
        "x-amz-source-account": owner,
        "x-amz-source-arn": f"arn:aws:dataexchange:{context.region}:{owner}:data-sets/{source.data_set_id}",
        "x-amzn-dataexchange-asset-id": asset.pk,
        "x-amzn-dataexchange-data-set-id": source.data_set_id,
        "x-amzn-dataexchange-revision-id": source.pk,
        "x-amzn-dataexchange-requester-account-id": context.organization.account_id,
    }
    if product_id:
        about["x-amzn-dataexchange-product-id"] = product_id
    try:
        with slow_call():
            answer = proxy.call(
                asset,
                method=method.upper(),
                path=path,
                query=query_string_parameters or {},
                headers=request_headers or {},
                body=body,
                about=about,
            )
    except proxy.UpstreamTimedOut as failure:
        raise ApiError("GatewayTimeoutException", str(failure), 504) from None
    except proxy.UpstreamFailed as failure:
        raise ApiError("BadGatewayException", str(failure), 502) from None
    if product_id:
        activity.record_use(published_data_set_id=data_set_id, organization_id=context.organization.pk, at=context.now)
    return {"StatusCode": answer.status, "ResponseHeaders": answer.headers, "Body": answer.body}
