"""Tables as they are, for whoever runs the installation: to be searched and read. Changes go through operations."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from jobs.models import EventAction, Job
from marketplace.console.second_factor import SecondFactorNeeded, has_second_factor
from marketplace.core import brand
from marketplace.core.models import (
    AccessKey,
    ApiToken,
    Invitation,
    Membership,
    Organization,
    SiteSettings,
    SourceConnection,
    StorageConnection,
    User,
    WebhookEndpoint,
    WorkerHeartbeat,
    WorkItem,
)
from publishers.models import Asset, DataSet, Offer, OfferVersion, Product, PublishedDataSet, Revision
from subscriptions.models import Agreement, DataGrant, Entitlement


class OperatorSite(AdminSite):
    """Open to operators only, who sign in where everybody does, with a second factor where it is required."""

    index_title = "Tables"
    site_url = "/operate"
    enable_nav_sidebar = True

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every page shows; the name is that of the exchange."""
        name = brand.current().name
        return super().each_context(request) | {"site_header": f"{name}, tables", "site_title": name}

    def has_permission(self, request: HttpRequest) -> bool:
        """Return True for an operator who has the second factor that is required."""
        return bool(super().has_permission(request)) and not _lacks_factor(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Lead to where everybody signs in; there is no second form that asks for a password."""
        answer: HttpResponse = _enter(request)
        return answer

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Lead to where everybody changes the password."""
        return redirect("account_change_password")


def _lacks_factor(request: HttpRequest) -> bool:
    return settings.REQUIRE_MFA and not has_second_factor(request.user)  # type: ignore[arg-type]


@never_cache
@secure_admin_login
def _enter(request: HttpRequest) -> HttpResponse:
    """Send an operator on; others were asked to sign in, or refused with 403."""
    if _lacks_factor(request):
        messages.warning(request, SecondFactorNeeded.message)
        return redirect("mfa_index")
    wanted = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return redirect(wanted)
    return redirect("admin:index")


site = OperatorSite(name="admin")


class Reading(ModelAdmin):  # type: ignore[type-arg]
    """A table that is read and searched. `fields` names each column that is shown: what is not named stays out."""

    actions = None
    list_per_page = 50
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return every field: nothing is typed here."""
        return tuple(str(name) for name in self.fields or ())

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True: who is let into the site may read its tables."""
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return True, as for reading."""
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False


#: model -> (columns of the list, what is searched, filters, fields of one row)
TABLES: dict[type[Model], tuple[str, str, str, str]] = {
    Organization: (
        "name account_id publisher_state is_verified created_at",
        "name account_id id",
        "publisher_state is_verified",
        "id account_id name about website support_contact is_verified publisher_state publisher_note created_at",
    ),
    User: (
        "email name is_active is_staff last_login date_joined",
        "email name",
        "is_active is_staff",
        "id email name is_active is_staff last_login date_joined",
    ),
    Membership: (
        "user organization role created_at",
        "user__email organization__name organization__account_id",
        "role",
        "id organization user role created_at",
    ),
    Invitation: (
        "email organization role created_at expires_at accepted_at revoked_at",
        "email organization__name",
        "role",
        "id organization email role invited_by created_at expires_at accepted_at revoked_at",
    ),
    ApiToken: (
        "name hint organization user expires_at last_used_at revoked_at",
        "name hint organization__name user__email",
        "",
        "id organization user name hint scopes created_at expires_at rotated_to last_used_at revoked_at",
    ),
    AccessKey: (
        "name access_key_id organization user last_used_at revoked_at",
        "name access_key_id organization__name user__email",
        "",
        "id organization user name access_key_id created_at expires_at rotated_to last_used_at revoked_at",
    ),
    StorageConnection: (
        "name organization endpoint_url bucket proved_at failed_at removed_at",
        "name bucket organization__name",
        "",
        "id organization name endpoint_url region bucket access_key_id created_at proved_at failed_at failure removed_at",
    ),
    SourceConnection: (
        "name organization kind proved_at failed_at removed_at",
        "name organization__name host",
        "kind",
        "id organization kind name host port database username sslmode uri warehouse prefix authentication client_id"
        " oauth_scope token_url created_at proved_at failed_at failure removed_at",
    ),
    WebhookEndpoint: (
        "url organization created_at disabled_at failing_since",
        "url organization__name",
        "",
        "id organization url description detail_types created_at disabled_at disabled_reason failing_since",
    ),
    DataSet: (
        "name owner asset_type created_at updated_at",
        "name id owner__name",
        "asset_type",
        "id owner name description asset_type tags created_at updated_at",
    ),
    Revision: (
        "id data_set created_at finalized_at revoked_at",
        "id data_set__name data_set__id",
        "",
        "id data_set comment tags created_at updated_at finalized_at revoked_at revocation_comment",
    ),
    Asset: (
        "name revision size_bytes content_type created_at",
        "id revision__id sha256",
        "",
        "id revision name size_bytes sha256 md5 etag content_type vault_key tags created_at updated_at",
    ),
    Product: (
        "name owner category state visibility submitted_at published_at",
        "name id owner__name",
        "state category visibility",
        "id owner name short_description category state visibility licence source_url support_contact requires_approval"
        " submitted_at refusal created_at updated_at published_at",
    ),
    PublishedDataSet: (
        "id data_set product history_rule added_at closed_at",
        "id data_set__name product__name",
        "history_rule",
        "id product data_set history_rule history_count future_rule added_at closed_at",
    ),
    Offer: (
        "id product is_public name created_at withdrawn_at",
        "id product__name",
        "is_public",
        "id product is_public name description created_at withdrawn_at",
    ),
    OfferVersion: (
        "offer number price_minor currency created_at",
        "id offer__product__name",
        "",
        "id offer number price_minor currency terms created_at",
    ),
    Agreement: (
        "id organization product accepted_by accepted_at ended_at",
        "id organization__name product__name",
        "",
        "id organization product offer_version accepted_by accepted_at ended_at",
    ),
    DataGrant: (
        "name receiver published_data_set created_at accepted_at ends_at deleted_at",
        "id name receiver__name receiver__account_id",
        "",
        "id receiver published_data_set name description distribution_scope tags ends_at accepted_at deleted_at created_at"
        " updated_at",
    ),
    Entitlement: (
        "id organization published_data_set valid_from valid_until",
        "id organization__name published_data_set__id",
        "",
        "id organization published_data_set agreement data_grant valid_from valid_until",
    ),
    Job: (
        "id organization type state created_at finished_at",
        "id organization__name",
        "state type",
        "id organization type state data_set published_data_set revision connection event_action created_at updated_at"
        " started_at finished_at errors objects_total objects_done bytes_total bytes_done",
    ),
    EventAction: (
        "id organization published_data_set connection is_enabled created_at deleted_at",
        "id organization__name",
        "is_enabled",
        "id organization published_data_set connection key_pattern encryption tags is_enabled created_at updated_at"
        " deleted_at",
    ),
    WorkItem: (
        "task key state due_at attempts failures worker finished_at",
        "task key",
        "state",
        "id task key organization_id state due_at attempts failures lease_until fence worker last_error created_at"
        " finished_at",
    ),
    WorkerHeartbeat: ("name beat_at", "name", "", "name beat_at"),
    SiteSettings: (
        "id name hue commission_basis_points updated_at",
        "",
        "",
        "id name hue logo commission_basis_points approves_publishers approves_products updated_at",
    ),
}


def _register(model: type[Model], columns: str, search: str, filters: str, fields: str) -> None:
    shown = columns.split()
    keys = [f.name for f in model._meta.concrete_fields if f.is_relation and f.name in shown]
    members: dict[str, Any] = {
        "list_display": shown,
        "search_fields": search.split(),
        "list_filter": filters.split(),
        "fields": fields.split(),
        "list_select_related": keys or False,
        "ordering": ["-pk"],
        "__doc__": f"Rows of {model.__name__}.",
    }
    site.register(model, type(f"{model.__name__}Reading", (Reading,), members))


for _model, _shape in TABLES.items():
    _register(_model, *_shape)
