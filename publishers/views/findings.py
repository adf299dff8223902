"""Answering for what looks like personal data, from the editor of a product."""

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from marketplace.core.middleware import MemberRequest
from marketplace.core.pages import member_page
from publishers.finding_forms import FindingsForm, answers_of
from publishers.operations.findings import acknowledge_findings
from publishers.queries.findings import list_findings
from publishers.queries.products import get_owned_product
from publishers.views.editing import act, editor


@require_POST
@member_page("publish:write")
def product_findings(request: MemberRequest, product_id: str) -> HttpResponse:
    """Acknowledge findings, and declare what the product holds about people."""
    found = get_owned_product(owner=request.organization, product_id=product_id)
    form = FindingsForm(request.POST, auto_id="findings_%s")
    if not form.is_valid():
        return editor(request, found, findings_form=form, status=422)

    def work() -> None:
        acknowledge_findings(
            product=found,
            findings=answers_of(request.POST, list_findings(product=found)),
            personal_data=form.cleaned_data["personal_data"],
            actor=request.actor,
            at=timezone.now(),
        )

    return act(request, found, work, said="Answer saved.", anchor="#sensitive", findings_form=form)
