"""Settings of Entrepot; every value that differs between installations comes from the environment."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from marketplace.settings.environment import Environment

env = Environment()
BASE_DIR = Path(__file__).resolve().parent.parent.parent

# --- where this installation lives -----------------------------------------------------------------------------------
PUBLIC_URL = env.url("PUBLIC_URL", "http://127.0.0.1:8000")
_public = urlsplit(PUBLIC_URL)
#: The directory of an embedded start; empty in production.
STATE_DIRECTORY = env.text("ENTREPOT_STATE", "")
#: Plain http is for loopback and test installations only; production refuses to run without TLS in front.
INSECURE_TRANSPORT = env.flag("INSECURE_TRANSPORT")
SECRET_KEY = env.text("SECRET_KEY")
DEBUG = False
#: SendApiAsset has a host of its own, as its model says: `api-fulfill.` before ours
ALLOWED_HOSTS = [_public.hostname or "", f"api-fulfill.{_public.hostname}", *env.words("ALLOWED_HOSTS")]
if INSECURE_TRANSPORT:
    ALLOWED_HOSTS += ["127.0.0.1", "localhost", "api-fulfill.localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# --- branding --------------------------------------------------------------------------------------------------------
SITE_NAME = env.text("SITE_NAME", "Entrepot")
SITE_HUE = env.number("SITE_HUE", 262, least=0, most=360)
SITE_LOGO = env.text("SITE_LOGO", "img/logo.svg")
CURRENCY = env.text("CURRENCY", "EUR")

# --- the parts -------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL", "-c jit=off -c timezone=UTC -c lock_timeout=30s")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
BROKER_URL = env.text("BROKER_URL")
# Limits of sign-in are counted here, so it is not the broker, which may be away: people could not sign in then.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "core_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

S3_ENDPOINT_URL = env.url("S3_ENDPOINT_URL")
#: The host name that browsers and subscribers see; presigned URLs are bound to it.
S3_PUBLIC_ENDPOINT_URL = env.url("S3_PUBLIC_ENDPOINT_URL", S3_ENDPOINT_URL)
S3_REGION = env.text("S3_REGION", "us-east-1")
S3_ACCESS_KEY_ID = env.text("S3_ACCESS_KEY_ID")
S3_SECRET_ACCESS_KEY = env.text("S3_SECRET_ACCESS_KEY")
S3_VAULT_BUCKET = env.text("S3_VAULT_BUCKET")
S3_MEDIA_BUCKET = env.text("S3_MEDIA_BUCKET", f"{S3_VAULT_BUCKET}-media")
#: host:port pairs that outbound calls may reach although they are private or not on https; see core/egress.py
EGRESS_ALLOWLIST = env.words("EGRESS_ALLOWLIST")
CACHE_DIRECTORY = Path(env.text("CACHE_DIRECTORY", "/var/cache/entrepot"))
#: Tables that make rows quick to read lie in CACHE_DIRECTORY; the longest unused are removed beyond this.
DATA_CACHE_BYTES = env.number("DATA_CACHE_BYTES", 5 * 10**9, least=10**7, most=10**14)
ENCRYPTION_KEYS = env.encryption_keys("ENCRYPTION_KEYS")

# --- limits of this installation (defaults as AWS Data Exchange) ---------------------------------------------------------
QUOTAS = env.quotas(
    "QUOTAS",
    {
        "Products per account": 50,
        "Data sets per account": 3000,
        "Data sets per product": 25,
        "Revisions per data set": 10_000,
        "Assets per revision": 10_000,
        "Asset size in GB": 100,
        "Assets per import job from Amazon S3": 100,
        "Asset per export job from Amazon S3": 100,
        "Concurrent in progress jobs to import assets from Amazon S3": 10,
        "Concurrent in progress jobs to import assets from a signed URL": 10,
        "Concurrent in progress jobs to export assets to Amazon S3": 10,
        "Concurrent in progress jobs to export assets to a signed URL": 10,
        "Concurrent in progress jobs to export revisions to Amazon S3": 5,
        "Event actions per account": 50,
        "Auto export event actions per data set": 5,
        "Amazon Redshift datashare assets per import job from Redshift": 20,
        "Amazon Redshift datashare assets per revision": 20,
        "Revisions per Amazon Redshift datashare data set": 20,
        "Concurrent in progress jobs to import assets from Amazon Redshift datashares": 5,
        "Amazon API Gateway API assets per revision": 20,
        "Revisions per Amazon API Gateway API data set": 20,
        "Concurrent in progress jobs to import assets from an API Gateway API": 10,
        "AWS Lake Formation data permission assets per revision": 20,
        "Revisions per AWS Lake Formation data permission data set": 20,
        "Concurrent in progress jobs to import assets from an AWS Lake Formation tag policy": 5,
        "Amazon S3 data access assets per revision": 5,
        "Revisions per Amazon S3 data access data set": 5,
        "Concurrent in progress jobs to create Amazon S3 data access assets from S3 buckets": 5,
        "Active and pending data grants": 1000,
        "Pending data grants per consumer": 20,
    },
)

# --- applications, top layer first ------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "marketplace.console",
    "marketplace.storefront",
    "dataapi",
    "jobs",
    "subscriptions",
    "publishers",
    "marketplace.core",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_cotton",
    "drf_spectacular",
    "pgtrigger",
    "rest_framework",
    "storages",
]
MIDDLEWARE = [
    "marketplace.core.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "marketplace.core.middleware.CompressionMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "marketplace.core.middleware.MemberMiddleware",
    "marketplace.console.sessions.SessionsMiddleware",
    "marketplace.console.second_factor.SecondFactorMiddleware",
    "marketplace.core.pages.RefusalMiddleware",
]
ROOT_URLCONF = "marketplace.urls"
WSGI_APPLICATION = "marketplace.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "marketplace.core.context.site",
                "marketplace.console.context.publishing",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django_cotton.cotton_loader.Loader",
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": ["django_cotton.templatetags.cotton", "marketplace.core.templatetags.ui"],
        },
    }
]
FORM_RENDERER = "marketplace.core.forms.FormRenderer"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False

# --- people ------------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/home"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "marketplace.console.accounts.AccountAdapter"
ACCOUNT_FORMS = {"signup": "marketplace.console.forms.SignupForm"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = env.text("ACCOUNT_EMAIL_VERIFICATION", "optional")
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/5m/ip,10/5m/key",
    "signup": "20/m/ip",
    "reset_password": "5/d/key",
}
#: seconds for which password or second factor are not asked again before keys and destinations change
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
#: second factors are asked of those who can publish, pay or change the team; see console/second_factor.py
REQUIRE_MFA = env.flag("REQUIRE_MFA")
MFA_ADAPTER = "marketplace.console.accounts.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "authenticate": "marketplace.console.account_forms.AuthenticateForm",
    "reauthenticate": "marketplace.console.account_forms.ReauthenticateForm",
    "add_webauthn": "marketplace.console.account_forms.AddKeyForm",
}
#: wrong codes of a second factor: (how many, in how many seconds), counted for each person
MFA_CODE_LIMITS = [(5, 300), (50, 86_400)]
#: Without a mail server what would be mailed is shown where it can be, such as the links of invitations.
SENDS_EMAIL = env.text("EMAIL_HOST", "-") != "-"
#: Nobody can verify an address where nothing is mailed; a second factor must be possible there too.
MFA_ALLOW_UNVERIFIED_EMAIL = not SENDS_EMAIL
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend" if SENDS_EMAIL else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.number("EMAIL_PORT", 25, least=1, most=65_535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
#: none, starttls (mostly port 587) or tls (mostly port 465)
_email_security = env.choice("EMAIL_SECURITY", "none", ("none", "starttls", "tls"))
EMAIL_USE_TLS = _email_security == "starttls"
EMAIL_USE_SSL = _email_security == "tls"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Entrepot <no-reply@localhost>")

# --- browsers ------------------------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = not INSECURE_TRANSPORT
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # probes of a balancer come by plain http
SECURE_PROXY_SSL_HEADER = None if INSECURE_TRANSPORT else ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if INSECURE_TRANSPORT else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not INSECURE_TRANSPORT
SECURE_HSTS_PRELOAD = not INSECURE_TRANSPORT
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not INSECURE_TRANSPORT
SESSION_COOKIE_NAME = "entrepot-session" if INSECURE_TRANSPORT else "__Host-session"
CSRF_COOKIE_NAME = "entrepot-csrf" if INSECURE_TRANSPORT else "__Host-csrf"
CSRF_COOKIE_HTTPONLY = True
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: [] for name in ("camera", "geolocation", "microphone", "payment", "usb")
}
_storage = "{0.scheme}://{0.netloc}".format(urlsplit(S3_PUBLIC_ENDPOINT_URL))
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", _storage],
        "connect-src": [SELF, _storage],
        "font-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(BASE_DIR / "build" / "static")))
STATICFILES_DIRS = [BASE_DIR / "static", ("screens", BASE_DIR / "docs" / "screens")]
STORAGES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_MEDIA_BUCKET,
            "endpoint_url": S3_ENDPOINT_URL,
            "region_name": S3_REGION,
            "access_key": S3_ACCESS_KEY_ID,
            "secret_key": S3_SECRET_ACCESS_KEY,
            "addressing_style": "path",
            "file_overwrite": False,
            "querystring_expire": 300,
        },
    },
    "staticfiles": {"BACKEND": "marketplace.core.staticfiles.StaticStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- interfaces for programs ------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "marketplace.console.api.authentication.MachineAuthentication",
        "marketplace.console.api.authentication.MemberSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["marketplace.console.api.authentication.IsMember"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "marketplace.console.api.problems.answer_problem",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": f"{SITE_NAME} marketplace API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "ApprovalRuleKind": "marketplace.console.api.serializers.products.APPROVAL_RULES",
        "DocumentKind": "marketplace.console.api.serializers.documents.DOCUMENT_KINDS",
        "QuestionKind": "marketplace.console.api.serializers.products.QUESTION_KINDS",
        "DataGrantState": "marketplace.console.api.serializers.data_grants.STATES",
        "JobState": "jobs.models.JobState",
        "ProductState": "publishers.models.ProductState",
        "RequestState": "subscriptions.models.RequestState",
        "RevisionState": "marketplace.console.api.serializers.data_sets.STATES",
        "SourceKind": "marketplace.core.models.sources.SourceKind.values",
        "WebhookDeliveryState": "marketplace.core.models.WebhookDeliveryState",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "marketplace.console.api.schema.add_frame",
    ],
}

# --- work: which fact wakes which task, and what runs by the clock ---------------------------------------------------------
#: event name -> tasks; the one page where all reactions across applications can be read
EVENT_ROUTES: dict[str, list[str]] = {
    "team.changed": ["core.tell_team"],
    "organization.renamed": ["publishers.index_products_of"],
    "revision.finalized": ["publishers.publish_revision"],
    "revision.published": [
        "jobs.start_auto_exports",
        "subscriptions.announce_revision",
        "subscriptions.tell_of_revision",
    ],
    "revision.revoked": ["subscriptions.announce_revocation", "subscriptions.tell_of_revocation"],
    "product.published": ["publishers.index_product", "subscriptions.announce_product"],
    "product.visibility_set": ["subscriptions.count_popularity"],
    "upload.completed": ["publishers.verify_upload"],
    "product.data_set_added": ["subscriptions.extend_entitlements", "subscriptions.announce_data_set"],
    "data_set.notified": ["subscriptions.announce_notification", "subscriptions.tell_of_notification"],
    "data_grant.accepted": ["subscriptions.announce_grant_accepted", "subscriptions.tell_of_grant_accepted"],
    "data_grant.extended": ["subscriptions.announce_grant_extended"],
    "data_grant.revoked": ["subscriptions.announce_grant_revoked"],
    "publisher.requested": ["core.announce_publisher_request"],
    "publisher.decided": ["core.announce_publisher_decision"],
    "job.completed": ["jobs.announce_auto_export", "jobs.tell_of_delivery", "jobs.record_use"],
    "job.failed": ["jobs.announce_auto_export", "jobs.tell_of_delivery"],
    "data_grant.created": ["subscriptions.tell_of_grant"],
    "agreement.accepted": ["subscriptions.tell_of_agreement"],
    "request.created": ["subscriptions.tell_of_request"],
    "request.decided": ["subscriptions.tell_of_decision"],
    "request.expired": ["subscriptions.tell_of_expiry"],
    "data_request.answered": ["subscriptions.tell_author_of_answer"],
}
#: task -> seconds between two runs; a slot is a unique row, so that any number of schedulers may run
SCHEDULE: dict[str, int] = {
    "core.prepare_partitions": 86_400,
    "core.forget_old_rows": 3_600,
    "core.tell_of_expiring_credentials": 86_400,
    "subscriptions.attend_to_requests": 300,
    "publishers.abort_stale_uploads": 3_600,
    "jobs.remove_left_overs": 86_400,
    "publishers.forget_change_sets": 86_400,
    "storefront.tell_saved_searches": 600,
}
WORKER_NAME = env.text("ENTREPOT_WORKER_NAME", "")
CELERY_BROKER_URL = BROKER_URL
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 0.5, "visibility_timeout": 3600}
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "entrepot"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ETA_TASK_LIMIT = 1000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5.0

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "marketplace.core.logs.LineFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {"django.server": {"handlers": ["stderr"], "propagate": False}},
}
