"""Handler of the AWS Data Exchange API for what a publisher tells its subscribers."""

from typing import Any

from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.registry import handler
from subscriptions.doors import own_data_set
from subscriptions.notifications import send_notification


@handler("SendDataSetNotification")
def send_data_set_notification(
    context: ApiContext,
    *,
    data_set_id: str,
    type: str,
    comment: str = "",
    details: dict[str, Any] | None = None,
    scope: dict[str, Any] | None = None,
    client_token: str | None = None,
) -> None:
    send_notification(
        data_set=own_data_set(context, data_set_id),
        type=type,
        comment=comment,
        details=details,
        scope=scope,
        client_token=client_token,
        actor=context.actor,
        at=context.now,
    )
