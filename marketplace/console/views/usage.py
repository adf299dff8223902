"""The page on which a publisher reads who looks at the products, who subscribes and who uses the data."""

from collections.abc import Iterable
from datetime import date

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from marketplace.console.usage import DEFAULT_DAYS, PERIODS, Figures, Step, Usage, daily_rows, usage_of
from marketplace.core.csv_text import csv_line
from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page
from marketplace.core.templatetags.ui import bytes_, compact
from publishers.models import Product
from publishers.queries.products import list_owned_products

#: newest steps that stand in the tables behind the charts; the CSV has every day
ROWS_SHOWN = 31
_UNITS = ((10**12, " TB"), (10**9, " GB"), (10**6, " MB"), (10**3, " kB"), (1, " B"))


def _days(text: str) -> int:
    return int(text) if text in {str(days) for days in PERIODS} else DEFAULT_DAYS


def _change(now: int, before: int) -> str:
    """Say how a number compares with that of the period before."""
    if before == 0:
        return "none before" if now else ""
    change = round(100 * (now - before) / before)
    return f"{change:+,} %".replace("-", "−") if change else "as before"


def _label(step: Step) -> str:
    return f"{step.first.day} {step.first:%b}"


def _size_chart(steps: Iterable[Step]) -> tuple[list[float], str]:
    """Return the sizes in the largest unit that suits them, and that unit."""
    sizes = [step.figures.size_bytes for step in steps]
    factor, unit = next((u for u in _UNITS if max(sizes, default=0) >= u[0]), _UNITS[-1])
    return [round(size / factor, 2) for size in sizes], unit


def _csv(rows: Iterable[tuple[date, Product, Figures]]) -> HttpResponse:
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="usage.csv"'
    answer.headers["Cache-Control"] = "no-store"
    names = ["day", "product_id", "product", "views", "organizations_viewing", "anonymous_visitors"]
    names += ["organizations_at_sample", "anonymous_at_sample", "subscriptions", "organizations_using"]
    answer.write(csv_line([*names, "deliveries", "bytes_delivered"]))
    for day, product, f in rows:
        cells = [day.isoformat(), product.pk, product.name, f.views, f.viewers, f.visitors, f.samplers]
        cells += [f.sample_visitors, f.subscriptions, f.users, f.deliveries, f.size_bytes]
        answer.write(csv_line(cells))
    return answer


def _strip(usage: Usage) -> list[tuple[str, str, str]]:
    """Return (name, number, comparison) of the figures at the top."""
    now, before = usage.now, usage.before
    return [
        ("Page views", compact(now.views), _change(now.views, before.views)),
        ("Organizations that viewed", compact(now.viewers), _change(now.viewers, before.viewers)),
        ("New subscriptions", compact(now.subscriptions), _change(now.subscriptions, before.subscriptions)),
        ("Organizations using data", compact(now.users), _change(now.users, before.users)),
        ("Deliveries", compact(now.deliveries), _change(now.deliveries, before.deliveries)),
        ("Delivered", bytes_(now.size_bytes), _change(now.size_bytes, before.size_bytes)),
    ]


@require_safe
@member_page("publish:read")
def usage(request: MemberRequest) -> HttpResponse:
    """Show the figures of a period: ?days= is its length, ?product= one product; ?format=csv downloads them by day."""
    now = timezone.now()
    days = _days(request.GET.get("days", ""))
    owned = list(list_owned_products(owner=request.organization).order_by("name", "pk"))
    chosen = next((product for product in owned if product.pk == request.GET.get("product")), None)
    products = [chosen] if chosen is not None else owned
    if request.GET.get("format") == "csv":
        return _csv(daily_rows(products=products, days=days, at=now))
    found = usage_of(products=products, days=days, at=now)
    sizes, unit = _size_chart(found.steps)
    busy = [step for step in reversed(found.steps) if not step.is_quiet]
    context = {
        "usage": found,
        "strip": _strip(found),
        "days": days,
        "period_name": PERIODS[days][0],
        "periods": [(each, name) for each, (name, _) in PERIODS.items()],
        "owned": owned,
        "chosen": chosen,
        "has_listed": any(product.published_at for product in owned),
        "labels": [_label(step) for step in found.steps],
        "views": [step.figures.views for step in found.steps],
        "users": [step.figures.users for step in found.steps],
        "sizes": sizes,
        "size_unit": unit,
        "busy": busy[:ROWS_SHOWN],
        "has_more": len(busy) > ROWS_SHOWN,
        "by_week": found.period.step_days > 1,
        "funnel_bars": [(stage.name, stage.organizations) for stage in found.funnel],
        "funnel_is_empty": not any(stage.organizations for stage in found.funnel),
        "product_bars": [(each.product.name, each.figures.views) for each in found.products if each.figures.views][:8],
    }
    return render(request, "console/usage.html", context)
