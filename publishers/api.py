"""Handlers of the AWS Data Exchange API that make data sets."""

from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.registry import handler
from publishers import shapes
from publishers.operations import data_sets
from publishers.shapes import Shape


@handler("CreateDataSet")
def create_data_set(
    context: ApiContext, *, asset_type: str, name: str, description: str, tags: dict[str, str] | None = None
) -> Shape:
    data_set = data_sets.create_data_set(
        owner=context.organization,
        name=name,
        description=description,
        asset_type=asset_type,
        tags=tags,
        actor=context.actor,
        at=context.now,
    )
    return shapes.data_set(context, data_set, tags=True)
