"""Handlers of the AWS Marketplace Catalog API: an organization's products and offers, and change sets about them.

Source: marketplace-catalog 2018-09-17. Entities of others are not shown, as AWS does not show them to sellers either.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Case, CharField, F, Model, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from marketplace.awsapi.context import ApiContext
from marketplace.awsapi.paging import page
from marketplace.awsapi.parser import json_object
from marketplace.awsapi.registry import handler
from marketplace.awsapi.values import Unreadable, document
from marketplace.core.errors import Invalid, NotFound
from publishers import catalog_shapes as shapes
from publishers.models import ChangeSet, ChangeSetIntent, ChangeSetState, Offer, Product, ProductState, Visibility
from publishers.operations import change_sets
from publishers.operations.changes import Change
from publishers.queries.change_sets import (
    get_change_set,
    get_owned_offer,
    list_change_sets,
    list_entries_with_last_revision,
    list_owned_offers,
)
from publishers.queries.products import get_owned_product
from publishers.shapes import Shape

SERVICE = "marketplace-catalog"
CATALOG = "AWSMarketplace"
PAGE = 20
MOST_FILTERS = 8
#: what AWS lists and this exchange has nothing of
OTHER_ENTITY_TYPES = frozenset(
    {
        "AmiProduct",
        "Audience",
        "BrandingSettings",
        "ContainerProduct",
        "Experience",
        "ExpressPrivateOfferConfiguration",
        "MachineLearningProduct",
        "OfferSet",
        "ProcurementPolicy",
        "ResaleAuthorization",
        "SaaSProduct",
        "Seller",
        "Solution",
        "SubsidiaryAuthorization",
    }
)
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)

#: filter or sort name -> field of the query set, with annotations of _visible_*
_PRODUCT_FIELDS = {
    "EntityId": "pk",
    "ProductTitle": "name",
    "Visibility": "visibility_word",
    "LastModifiedDate": "updated_at",
}
_OFFER_FIELDS = {
    "EntityId": "pk",
    "Name": "title",
    "ProductId": "product_id",
    "State": "offer_state",
    "Targeting": "targeting",
    "CreatedBySource": "source",
    "ReleaseDate": "released_at",
    "LastModifiedDate": "modified_at",
}
#: filters that no offer of this exchange can pass, because it has no such member
_OFFERS_HAVE_NO = frozenset(
    {
        "AvailabilityEndDate",
        "BuyerAccounts",
        "OfferSetId",
        "ResaleAuthorizationId",
        "TargetAgreementId",
        "TargetAgreementIntent",
    }
)


@handler("ListEntities", service=SERVICE)
def list_entities(
    context: ApiContext,
    *,
    catalog: str,
    entity_type: str,
    filter_list: list[dict[str, Any]] | None = None,
    sort: dict[str, Any] | None = None,
    next_token: str | None = None,
    max_results: int | None = None,
    ownership_type: str = "SELF",
    entity_type_filters: dict[str, Any] | None = None,
    entity_type_sort: dict[str, Any] | None = None,
) -> Shape:
    _check_catalog(catalog)
    kind = entity_type.partition("@")[0]
    filters = _entity_filters(kind, filter_list or [], entity_type_filters or {})
    sort_by, descending = _entity_sort(kind, sort, entity_type_sort)
    if kind in OTHER_ENTITY_TYPES or ownership_type == "SHARED":
        return {"EntitySummaryList": []}
    rows: QuerySet[Any]
    render: Callable[[ApiContext, Any], Shape]
    if kind == "DataProduct":
        rows, fields, render = _visible_products(context), _PRODUCT_FIELDS, shapes.product_summary
    elif kind == "Offer":
        rows, fields, render = _visible_offers(context), _OFFER_FIELDS, shapes.offer_summary
    else:
        known = ", ".join(sorted({"DataProduct", "Offer", *OTHER_ENTITY_TYPES}))
        raise Invalid(f"There is no entity type {entity_type}. Entity types are {known}.", field="EntityType")
    for name, wanted in filters.items():
        rows = _filtered(rows, name, wanted, fields)
    if sort_by not in fields:
        raise Invalid(f"SortBy must be one of {', '.join(fields)}.", field="SortBy")
    sign = "-" if descending else ""
    order = [f"{sign}{fields[sort_by]}"] if sort_by == "EntityId" else [f"{sign}{fields[sort_by]}", "pk"]
    found, token = _page(rows, order, context, max_results, next_token)
    return {"EntitySummaryList": [render(context, row) for row in found], "NextToken": token}


def _check_catalog(catalog: str) -> None:
    if catalog != CATALOG:
        raise Invalid(f"The catalog must be {CATALOG}.", field="Catalog")


def _page(
    rows: QuerySet[Any], order: Sequence[str], context: ApiContext, size: int | None, token: str | None
) -> tuple[list[Any], str | None]:
    found: tuple[list[Model], str | None] = page(
        rows, order_by=order, context=context, max_results=size or PAGE, next_token=token
    )
    return found


def _visible_products(context: ApiContext) -> QuerySet[Product]:
    words = Case(
        When(state=ProductState.DRAFT, then=Value("Draft")),
        When(state=ProductState.UNPUBLISHED, then=Value("Restricted")),
        When(visibility=Visibility.PUBLIC, then=Value("Public")),
        default=Value("Limited"),
        output_field=CharField(),
    )
    return Product.objects.owned_by(context.organization).annotate(visibility_word=words)


def _visible_offers(context: ApiContext) -> QuerySet[Offer]:
    return list_owned_offers(owner=context.organization).annotate(
        offer_state=Case(
            When(product__published_at=None, then=Value("Draft")), default=Value("Released"), output_field=CharField()
        ),
        targeting=Value("None", output_field=CharField()),
        source=Value("Seller", output_field=CharField()),
        released_at=Coalesce(F("product__published_at"), Value(_NEVER)),
    )


def _entity_filters(kind: str, plain: list[dict[str, Any]], typed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the filters by name, {"ValueList"}, {"WildCardValue"} or {"DateRange"} each. Raises Invalid."""
    if plain and typed:
        raise Invalid("Give FilterList or EntityTypeFilters, not both.", field="EntityTypeFilters")
    found: dict[str, dict[str, Any]]
    if typed:
        (member, found), *_ = typed.items()
        if member != f"{kind}Filters":
            raise Invalid(f"{member} do not filter entities of type {kind}.", field="EntityTypeFilters")
    else:
        found = {each.get("Name", ""): {"ValueList": each.get("ValueList", [])} for each in plain}
        if len(found) != len(plain):
            raise Invalid("A filter stands in FilterList twice.", field="FilterList")
    if len(found) > MOST_FILTERS or sum("WildCardValue" in wanted for wanted in found.values()) > 1:
        raise Invalid(
            f"Give at most {MOST_FILTERS} filters, and only one with a WildCardValue.", field="EntityTypeFilters"
        )
    return found


def _entity_sort(kind: str, plain: dict[str, Any] | None, typed: dict[str, Any] | None) -> tuple[str, bool]:
    """Return what to sort by, and whether from the greatest; the newest first when nothing is said. Raises Invalid."""
    if plain and typed:
        raise Invalid("Give Sort or EntityTypeSort, not both.", field="EntityTypeSort")
    chosen = plain or {}
    if typed:
        (member, chosen), *_ = typed.items()
        if member != f"{kind}Sort":
            raise Invalid(f"{member} does not sort entities of type {kind}.", field="EntityTypeSort")
    sort_by = chosen.get("SortBy", "LastModifiedDate")
    return sort_by, chosen.get("SortOrder", "DESCENDING") == "DESCENDING"


def _filtered(rows: QuerySet[Any], name: str, wanted: Mapping[str, Any], fields: Mapping[str, str]) -> QuerySet[Any]:
    if fields is _OFFER_FIELDS and name in _OFFERS_HAVE_NO:
        return rows.none()
    if name not in fields:
        raise Invalid(f"There is no filter {name}. Filters are {', '.join(fields)}.", field="FilterList")
    field = fields[name]
    if "ValueList" in wanted:
        values = wanted["ValueList"]
        if field.endswith("_at"):
            raise Invalid(f"{name} is filtered by a DateRange.", field=name)
        rows = rows.filter(**{f"{field}__in": values})
    if "WildCardValue" in wanted:
        rows = rows.filter(**{f"{field}__icontains": wanted["WildCardValue"]})
    between = wanted.get("DateRange", {})
    if "AfterValue" in between:
        rows = rows.filter(**{f"{field}__gt": _time(between["AfterValue"], name)})
    if "BeforeValue" in between:
        rows = rows.filter(**{f"{field}__lt": _time(between["BeforeValue"], name)})
    return rows


def _time(text: str, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{name} must be a time such as 2030-01-31T12:00:00Z.", field=name) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


@handler("DescribeEntity", service=SERVICE)
def describe_entity(context: ApiContext, *, catalog: str, entity_id: str) -> Shape:
    _check_catalog(catalog)
    return _entity(context, entity_id)


def _entity(context: ApiContext, entity_id: str) -> Shape:
    try:
        product = get_owned_product(owner=context.organization, product_id=entity_id)
    except NotFound:
        pass
    else:
        return shapes.product(context, product, list_entries_with_last_revision(product_id=product.pk))
    try:
        offer = get_owned_offer(owner=context.organization, offer_id=entity_id)
    except NotFound:
        raise NotFound("ENTITY", entity_id) from None
    return shapes.offer(context, offer)


@handler("BatchDescribeEntities", service=SERVICE)
def batch_describe_entities(context: ApiContext, *, entity_request_list: list[dict[str, str]]) -> Shape:
    found: dict[str, Shape] = {}
    errors: dict[str, Shape] = {}
    for request in entity_request_list:
        _check_catalog(request["Catalog"])
        entity_id = request["EntityId"]
        try:
            found[entity_id] = {name: v for name, v in _entity(context, entity_id).items() if name != "Details"}
        except NotFound as error:
            errors[entity_id] = {"ErrorCode": "EntityNotFound", "ErrorMessage": error.message}
    return {"EntityDetails": found, "Errors": errors}


@handler("StartChangeSet", service=SERVICE)
def start_change_set(
    context: ApiContext,
    *,
    catalog: str,
    change_set: list[dict[str, Any]],
    change_set_name: str = "",
    client_request_token: str | None = None,
    change_set_tags: list[dict[str, str]] | None = None,
    intent: str = ChangeSetIntent.APPLY,
) -> Shape:
    _check_catalog(catalog)
    if change_set_tags or any(change.get("EntityTags") for change in change_set):
        raise Invalid("Tags of change sets and entities are not kept by this installation.", field="ChangeSetTags")
    started = change_sets.start_change_set(
        organization=context.organization,
        changes=[_change(change, number) for number, change in enumerate(change_set, start=1)],
        user=context.user,
        actor=context.actor,
        at=context.now,
        name=change_set_name,
        intent=intent,
        client_request_token=client_request_token,
    )
    return shapes.change_set_names(context, started)


def _change(change: dict[str, Any], number: int) -> Change:
    entity, identifier = change["Entity"], change["Entity"].get("Identifier", "")
    entity_type = entity["Type"]
    return Change(
        name=change.get("ChangeName", ""),
        type=change["ChangeType"],
        entity_type=entity_type if "@" in entity_type else f"{entity_type}@1.0",
        # The revision behind the @ is not compared: changes say what is to be, not what it was before.
        identifier=identifier.partition("@")[0],
        details=_details(change, f"Change {number}, {change['ChangeType']}"),
    )


def _details(change: dict[str, Any], where: str) -> dict[str, Any]:
    text, given = change.get("Details"), change.get("DetailsDocument")
    if text is not None and given is not None:
        raise Invalid(f"{where}: give Details or DetailsDocument, not both.", field="Details")
    try:
        found = document(json_object(text.encode()) if text is not None else given or {}, "Details")
    except Unreadable as problem:
        raise Invalid(f"{where}: Details {problem.reason}.", field="Details") from None
    if not isinstance(found, dict):
        raise Invalid(f"{where}: Details must be a JSON object.", field="Details")
    return found


@handler("DescribeChangeSet", service=SERVICE)
def describe_change_set(context: ApiContext, *, catalog: str, change_set_id: str) -> Shape:
    _check_catalog(catalog)
    return shapes.change_set(context, _find(context, change_set_id))


def _find(context: ApiContext, change_set_id: str) -> ChangeSet:
    return get_change_set(organization=context.organization, change_set_id=change_set_id, at=context.now)


@handler("CancelChangeSet", service=SERVICE)
def cancel_change_set(context: ApiContext, *, catalog: str, change_set_id: str) -> Shape:
    _check_catalog(catalog)
    found = _find(context, change_set_id)
    cancelled = change_sets.cancel_change_set(change_set=found, actor=context.actor, at=context.now)
    return shapes.change_set_names(context, cancelled)


#: filter of ListChangeSets -> condition for its values
_CHANGE_SET_FILTERS: dict[str, Callable[[list[str]], Q]] = {
    "EntityId": lambda values: Q(pk__in=ChangeSet.objects.filter(entities__entity_id__in=values).values("pk")),
    "ChangeSetName": lambda values: Q(name__in=values),
    "Status": lambda values: Q(state__in=_states(values)),
    "AfterStartTime": lambda values: Q(created_at__gt=_one_time(values, "AfterStartTime")),
    "BeforeStartTime": lambda values: Q(created_at__lt=_one_time(values, "BeforeStartTime")),
    "AfterEndTime": lambda values: Q(ended_at__gt=_one_time(values, "AfterEndTime")),
    "BeforeEndTime": lambda values: Q(ended_at__lt=_one_time(values, "BeforeEndTime")),
}


def _states(values: list[str]) -> list[str]:
    if not set(values) <= set(ChangeSetState.values):
        raise Invalid(f"Status must be of {', '.join(ChangeSetState.values)}.", field="Status")
    return values


def _one_time(values: list[str], name: str) -> datetime:
    if len(values) != 1:
        raise Invalid(f"{name} takes one time.", field=name)
    return _time(values[0], name)


@handler("ListChangeSets", service=SERVICE)
def list_started_change_sets(
    context: ApiContext,
    *,
    catalog: str,
    filter_list: list[dict[str, Any]] | None = None,
    sort: dict[str, Any] | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> Shape:
    _check_catalog(catalog)
    rows = list_change_sets(organization=context.organization, at=context.now).annotate(
        end=Coalesce(F("ended_at"), Value(_NEVER))
    )
    for each in filter_list or []:
        name, values = each.get("Name", ""), each.get("ValueList", [])
        if name not in _CHANGE_SET_FILTERS:
            raise Invalid(
                f"There is no filter {name}. Filters are {', '.join(_CHANGE_SET_FILTERS)}.", field="FilterList"
            )
        rows = rows.filter(_CHANGE_SET_FILTERS[name](values))
    fields = {"StartTime": "created_at", "EndTime": "end"}
    sort_by = (sort or {}).get("SortBy", "StartTime")
    if sort_by not in fields:
        raise Invalid(f"SortBy must be one of {', '.join(fields)}.", field="SortBy")
    sign = "" if (sort or {}).get("SortOrder") == "ASCENDING" else "-"
    found, token = _page(rows, [f"{sign}{fields[sort_by]}", "pk"], context, max_results, next_token)
    return {"ChangeSetSummaryList": [shapes.change_set_summary(context, row) for row in found], "NextToken": token}
