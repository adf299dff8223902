"""The brand hue of this installation as a style sheet, because the policy for browsers forbids inline style."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

#: the hue that static/css/tokens.css starts from; only another one needs the extra style sheet
DEFAULT_HUE = 262


@require_safe
def brand_css(request: HttpRequest) -> HttpResponse:
    """Answer the one rule that re-brands every colour of the site; its address carries the hue, so it may be kept long."""
    response = HttpResponse(f":root{{--h:{settings.SITE_HUE:d}}}", content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
