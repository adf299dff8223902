"""What every page of an operator shows around its subject."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from marketplace.console.operator.queries import get_figures
from marketplace.core.middleware import MemberRequest


def show(
    request: MemberRequest, template: str, tab: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render an operator's page with its tabs; `figures` says what waits."""
    return render(request, template, {"tab": tab, "figures": get_figures()} | dict(context), status=status)
