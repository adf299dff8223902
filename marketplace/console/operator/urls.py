"""URLs of the operator's pages; mounted at the root."""

from django.urls import path

from marketplace.console.operator.views import appearance, approvals, health, overview, people

urlpatterns = [
    path("operate", overview.operate, name="operate"),
    path("operate/approvals", approvals.approvals, name="approvals"),
    path("operate/approvals/publishers/<str:organization_id>", approvals.publisher_approval, name="publisher-approval"),
    path("operate/approvals/products/<str:product_id>", approvals.product_approval, name="product-approval"),
    path("operate/organizations", people.organizations, name="operator-organizations"),
    path("operate/organizations/<str:organization_id>", people.organization, name="operator-organization"),
    path(
        "operate/organizations/<str:organization_id>/verified",
        people.organization_verified,
        name="operator-organization-verified",
    ),
    path("operate/users", people.users, name="operator-users"),
    path("operate/users/<int:user_id>/suspend", people.user_suspend, name="operator-user-suspend"),
    path("operate/users/<int:user_id>/reactivate", people.user_reactivate, name="operator-user-reactivate"),
    path("operate/branding", appearance.branding, name="branding"),
    path("operate/branding/logo", appearance.branding_logo, name="branding-logo"),
    path("operate/fees", appearance.fees, name="fees"),
    path("operate/health", health.operator_health, name="operator-health"),
    path("operate/health/email-test", health.email_test, name="email-test"),
    path("operate/work/<int:item_id>/run-again", health.work_run_again, name="work-run-again"),
    path("operate/work/<int:item_id>/give-up", health.work_give_up, name="work-give-up"),
    path("metrics", health.metrics, name="metrics"),
]
