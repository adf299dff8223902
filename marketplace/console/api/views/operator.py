"""Operating the installation; and asking its operator for the approval to publish."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers import operator as shapes
from marketplace.console.api.views.products import ImageParser
from marketplace.console.operator import health, mail_check
from marketplace.console.operator.changes import change_approvals
from marketplace.console.operator.queries import (
    get_organization_facts,
    get_submitted_product,
    list_submitted_products,
)
from marketplace.core.errors import Denied
from marketplace.core.models import Organization, SiteSettings, User
from marketplace.core.operations import parked, publishers, site, users
from marketplace.core.queries.site import (
    get_organization,
    get_site_settings,
    get_user,
    list_parked_work,
    list_publisher_requests,
    search_organizations,
    search_users,
)
from marketplace.core.scopes import OPERATOR
from publishers.models import Product
from publishers.operations import reviews
from publishers.operations.products import LOGO_BYTES, read_logo

_IMAGE = {"type": "string", "format": "binary"}


class OperatedFromASession(Denied):
    message = "Operate from the pages of Operate, which ask for your password again, or with a token."


def _check(caller: Caller) -> None:
    """Refuse a session: whoever takes over a browser must not change the installation."""
    if caller.actor.kind == "user":
        raise OperatedFromASession


def _with_facts(organization: Organization) -> Organization:
    organization.facts = get_organization_facts(organization)  # type: ignore[attr-defined]
    return organization


class OperatorSettingsView(ApiView):
    tag = "Operator"

    @operation("get_site_settings", scope=OPERATOR, gives=shapes.SiteSettingsShape)
    def get(self, caller: Caller) -> SiteSettings:
        """Read how the installation looks, its commission and what needs approval."""
        return get_site_settings()

    @operation("put_site_settings", scope=OPERATOR, takes=shapes.NewSiteSettings, gives=shapes.SiteSettingsShape)
    def put(self, caller: Caller, body: dict[str, Any]) -> SiteSettings:
        """Set all of it.

        A hue in which something could not be read well enough is refused. The commission applies to sales from then on.
        When the approval of publishers is turned on, organizations with a listed product count as approved.
        """
        _check(caller)
        by: dict[str, Any] = {"actor": caller.actor, "at": caller.at}
        with transaction.atomic():
            site.change_brand(name=body["name"], hue=body["hue"], **by)
            site.change_commission(basis_points=body["commission_basis_points"], **by)
            return change_approvals(
                approves_publishers=body["approves_publishers"], approves_products=body["approves_products"], **by
            )


class OperatorLogoView(ApiView):
    tag = "Operator"
    parser_classes = (ImageParser, MultiPartParser)

    @operation(
        "set_site_logo",
        scope=OPERATOR,
        gives=shapes.SiteSettingsShape,
        media={
            "image/*": _IMAGE,
            "multipart/form-data": {"type": "object", "properties": {"logo": _IMAGE}, "required": ["logo"]},
        },
    )
    def put(self, caller: Caller) -> SiteSettings:
        """Set the logo of the installation.

        Send a PNG, JPEG or WebP image of at most 2 MB as the body, or as the form field `logo`. It is written anew as a
        PNG of at most 256 by 256 pixels.
        """
        _check(caller)
        data: Any = self.request.data
        given = data.get("logo")
        content = given.read(LOGO_BYTES + 1) if isinstance(given, UploadedFile) else given
        if not isinstance(content, bytes) or not content:
            raise ValidationError({"logo": ["Send an image."]})
        return site.set_logo(picture=read_logo(content), actor=caller.actor, at=caller.at)

    @operation("remove_site_logo", scope=OPERATOR)
    def delete(self, caller: Caller) -> None:
        """Go back to the logo of the environment."""
        _check(caller)
        site.remove_logo(actor=caller.actor, at=caller.at)


class PublisherRequestsView(ApiView):
    tag = "Operator"

    @operation("list_publisher_requests", scope=OPERATOR, lists=shapes.OrganizationRow)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the organizations that wait for the approval to publish, by name."""
        return page_of(list_publisher_requests(), order_by=("name", "pk"), query=query, binding=["publisher-requests"])


class PublisherApproveView(ApiView):
    tag = "Operator"

    @operation("approve_publisher", scope=OPERATOR, gives=shapes.OrganizationRow)
    def post(self, caller: Caller, organization_id: str) -> Organization:
        """Let an organization publish, whether or not it has asked. It is told."""
        _check(caller)
        found = get_organization(organization_id)
        return publishers.approve_publisher(organization=found, actor=caller.actor, at=caller.at)


class PublisherDeclineView(ApiView):
    tag = "Operator"

    @operation("decline_publisher", scope=OPERATOR, takes=shapes.Reason, gives=shapes.OrganizationRow)
    def post(self, caller: Caller, organization_id: str, body: dict[str, Any]) -> Organization:
        """Refuse a request to publish. The organization is told the reason and may ask again."""
        _check(caller)
        found = get_organization(organization_id)
        return publishers.decline_publisher(organization=found, actor=caller.actor, at=caller.at, **body)


class ProductSubmissionsView(ApiView):
    tag = "Operator"

    @operation("list_submitted_products", scope=OPERATOR, lists=shapes.SubmittedProduct)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the products that wait to be listed, the longest waiting first."""
        return page_of(list_submitted_products(), order_by=("submitted_at", "pk"), query=query, binding=["submissions"])


class ProductApproveView(ApiView):
    tag = "Operator"

    @operation("approve_product", scope=OPERATOR)
    def post(self, caller: Caller, product_id: str) -> None:
        """Put a submitted product into the catalogue. Its publisher is told."""
        _check(caller)
        found: Product = get_submitted_product(product_id)
        reviews.approve_product(product=found, actor=caller.actor, at=caller.at)


class ProductDeclineView(ApiView):
    tag = "Operator"

    @operation("decline_product", scope=OPERATOR, takes=shapes.Reason)
    def post(self, caller: Caller, product_id: str, body: dict[str, Any]) -> None:
        """Send a submitted product back to its publisher, who is told the reason."""
        _check(caller)
        found: Product = get_submitted_product(product_id)
        reviews.refuse_product(product=found, actor=caller.actor, at=caller.at, **body)


class OperatedOrganizationsView(ApiView):
    tag = "Operator"

    @operation("list_organizations", scope=OPERATOR, asks=shapes.SearchQuery, lists=shapes.OrganizationRow)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the organizations of the installation by name, or find some."""
        words = query.get("q", "")
        return page_of(
            search_organizations(words), order_by=("name", "pk"), query=query, binding=["organizations", words]
        )


class OperatedOrganizationView(ApiView):
    tag = "Operator"

    @operation("get_operated_organization", scope=OPERATOR, gives=shapes.OperatedOrganization)
    def get(self, caller: Caller, organization_id: str) -> Organization:
        """Read an organization with its figures."""
        return _with_facts(get_organization(organization_id))

    @operation("verify_organization", scope=OPERATOR, takes=shapes.Verification, gives=shapes.OperatedOrganization)
    def patch(self, caller: Caller, organization_id: str, body: dict[str, Any]) -> Organization:
        """Give or take the badge of those whose identity was checked."""
        _check(caller)
        found = get_organization(organization_id)
        return _with_facts(publishers.set_verified(organization=found, actor=caller.actor, **body))


class OperatedUsersView(ApiView):
    tag = "Operator"

    @operation("list_users", scope=OPERATOR, asks=shapes.SearchQuery, lists=shapes.UserRow)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the people of the installation by e-mail address, or find some."""
        words = query.get("q", "")
        return page_of(search_users(words), order_by=("email",), query=query, binding=["users", words])


class UserSuspendView(ApiView):
    tag = "Operator"

    @operation("suspend_user", scope=OPERATOR, gives=shapes.UserRow)
    def post(self, caller: Caller, user_id: int) -> User:
        """Shut somebody out: sessions end, tokens and access keys are refused from the next request on."""
        _check(caller)
        return users.suspend_user(user=get_user(user_id), actor=caller.actor, at=caller.at)


class UserReactivateView(ApiView):
    tag = "Operator"

    @operation("reactivate_user", scope=OPERATOR, gives=shapes.UserRow)
    def post(self, caller: Caller, user_id: int) -> User:
        """Let somebody in again; their tokens and access keys work again."""
        _check(caller)
        return users.reactivate_user(user=get_user(user_id), actor=caller.actor, at=caller.at)


class OperatorHealthView(ApiView):
    tag = "Operator"

    @operation("get_health", scope=OPERATOR, gives=shapes.HealthShape)
    def get(self, caller: Caller) -> health.Health:
        """Measure every part of the installation now."""
        return health.measure(at=caller.at)


class ParkedWorkView(ApiView):
    tag = "Operator"

    @operation("list_parked_work", scope=OPERATOR, lists=shapes.ParkedWork)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the work that ten attempts did not finish, newest first."""
        return page_of(list_parked_work(), order_by=("-pk",), query=query, binding=["parked-work"])


class ParkedWorkRunView(ApiView):
    tag = "Operator"

    @operation("run_parked_work", scope=OPERATOR)
    def post(self, caller: Caller, item_id: int) -> None:
        """Have parked work run again now, with all its attempts before it."""
        _check(caller)
        parked.run_again(item_id=item_id, actor=caller.actor, at=caller.at)


class ParkedWorkGiveUpView(ApiView):
    tag = "Operator"

    @operation("give_up_parked_work", scope=OPERATOR)
    def post(self, caller: Caller, item_id: int) -> None:
        """End parked work for good."""
        _check(caller)
        parked.give_up(item_id=item_id, actor=caller.actor, at=caller.at)


class EmailTestView(ApiView):
    tag = "Operator"

    # The mail server is asked while the request waits: no transaction is held over that.
    @operation("test_email", scope=OPERATOR, gives=shapes.MailAnswerShape, in_transaction=False)
    def post(self, caller: Caller) -> mail_check.MailAnswer:
        """Send a test mail to your own address.

        What the mail server says is the answer; a refusal is no error of this request.
        """
        _check(caller)
        return mail_check.send_test_mail(address=caller.user.email, user_id=caller.user.pk, at=caller.at)


class PublisherApprovalView(ApiView):
    tag = "Products"

    @operation("get_publisher_approval", scope="publish:read", gives=shapes.PublisherApproval)
    def get(self, caller: Caller) -> Organization:
        """Tell where your organization stands with the operator's approval to publish."""
        return get_organization(caller.organization.pk)

    @operation(
        "ask_to_publish", scope="publish:write", takes=shapes.NewPublisherApproval, gives=shapes.PublisherApproval
    )
    def post(self, caller: Caller, body: dict[str, Any]) -> Organization:
        """Ask the operator for the approval to publish, where this exchange wants one."""
        return publishers.ask_to_publish(
            organization=caller.organization, note=body["note"], actor=caller.actor, at=caller.at
        )
