"""Name, hue and logo of the exchange, and its commission."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from marketplace.console.operator.forms import BrandForm, FeeForm, SiteLogoForm
from marketplace.console.operator.guard import operator_act, operator_form
from marketplace.console.operator.views.frame import show
from marketplace.core import brand, contrast
from marketplace.core.errors import Invalid
from marketplace.core.middleware import MemberRequest
from marketplace.core.operations import site
from marketplace.core.pages import refuse
from marketplace.core.queries.site import get_site_settings
from publishers.operations.products import LOGO_BYTES, read_logo


def _contrast_of(hue: int) -> list[tuple[str, contrast.Measured, contrast.Measured]]:
    """Return (pair, light, dark) for what depends on the hue."""
    measured = contrast.measure(hue)
    half = len(measured) // 2
    return [(light.label, light, dark) for light, dark in zip(measured[:half], measured[half:], strict=True)]


def _hue_of(text: str | None, otherwise: int) -> int:
    """Return the hue that a form shows; another one when it is none."""
    number = str(text or "")
    return (
        int(number) if number.isascii() and number.isdigit() and len(number) < 4 and int(number) <= 360 else otherwise
    )


def _page(request: MemberRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    row = get_site_settings()
    kept = {"name": row.name, "hue": row.hue}
    shown = {name: request.GET[name] for name in ("name", "hue") if name in request.GET}
    form = more.get("form") or BrandForm(initial=kept | shown)
    hue = _hue_of(form["hue"].value(), brand.of_environment().hue)
    pairs = _contrast_of(hue)
    context = {
        "form": form,
        "logo_form": SiteLogoForm(),
        "settings": row,
        "hue": hue,
        "site_hue": hue,  # the page itself is the preview
        "pairs": pairs,
        "failing": contrast.failing(hue),
        "lowest": min(contrast.measure(hue), key=lambda each: each.ratio / each.least),
    }
    return show(request, "operator/branding.html", "branding", context | more, status=status)


@operator_form("name", "hue")
def branding(request: MemberRequest) -> HttpResponse:
    """Show and set how the exchange looks; ?hue= shows the page in another hue, with its contrasts."""
    if request.method != "POST":
        return _page(request)
    form = BrandForm(request.POST)
    if form.is_valid():
        try:
            site.change_brand(actor=request.actor, at=timezone.now(), **form.cleaned_data)
        except Invalid as error:
            refuse(form, error)
        else:
            messages.success(request, "Saved. Every page shows it within some seconds.")
            return redirect("branding")
    return _page(request, form=form, status=422)


@operator_act(back="branding")
def branding_logo(request: MemberRequest) -> HttpResponse:
    """Set the logo, or go back to that of the environment."""
    now = timezone.now()
    if "remove" in request.POST:
        site.remove_logo(actor=request.actor, at=now)
        messages.success(request, "Logo removed.")
        return redirect("branding")
    form = SiteLogoForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            site.set_logo(
                picture=read_logo(form.cleaned_data["logo"].read(LOGO_BYTES + 1)), actor=request.actor, at=now
            )
        except Invalid as error:
            refuse(form, error)
        else:
            messages.success(request, "Logo saved. Every page shows it within some seconds.")
            return redirect("branding")
    return _page(request, logo_form=form, status=422)


@operator_form("commission")
def fees(request: MemberRequest) -> HttpResponse:
    """Show and set the commission."""
    row = get_site_settings()
    percent = f"{row.commission_basis_points / 100:.2f}"
    initial = request.GET.get("commission", percent)
    form = FeeForm(request.POST if request.method == "POST" else None, initial={"commission": initial})
    if request.method == "POST" and form.is_valid():
        points = int(form.cleaned_data["commission"] * 100)
        site.change_commission(basis_points=points, actor=request.actor, at=timezone.now())
        messages.success(request, "Saved. It applies to sales from now on.")
        return redirect("fees")
    status = 422 if request.method == "POST" else 200
    return show(request, "operator/fees.html", "fees", {"form": form, "percent": percent}, status=status)
