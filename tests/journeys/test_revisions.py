"""What a publisher does with a revision besides uploading: comment, finalize, edit again, revoke with a reason, delete."""

import re

from playwright.sync_api import expect

from tests.journeys.browser import faults_of, sign_in
from tests.journeys.client import Customer


def test_a_revision_is_finalized_edited_again_revoked_and_a_draft_deleted_by_keyboard(exchange, visitor):
    publisher = Customer(exchange, "Publisher")
    data_set = publisher.create_data_set("Cranes")
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, revision, "cranes.csv", b"crane,lift\n1,80\n")
    page = visitor.page(visitor.context(bypass_csp=True, reduced_motion="reduce"))
    sign_in(page, exchange, publisher.credentials)
    page.goto(f"{exchange.url}/publish/data-sets/{data_set}")
    page.get_by_role("link", name="Edit", exact=True).press("Enter")
    page.get_by_label("Name", exact=True).fill("Cranes of the harbour")
    page.get_by_role("button", name=re.compile("^Save")).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cranes of the harbour")
    page.goto(f"{exchange.url}/publish/data-sets/{data_set}/revisions/{revision}")
    page.get_by_role("textbox", name="Comment").fill("All cranes.")
    page.get_by_role("button", name="Save comment").press("Enter")
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("All cranes.")
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Finalize revision").press("Enter")
    assert faults_of(page) == []  # with the dialog open
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Finalize revision").press("Enter")
    dialog.get_by_role("button", name="Finalize").press("Enter")
    page.get_by_role("button", name="Edit again").press("Enter")
    dialog.get_by_role("button", name="Edit again").press("Enter")
    page.get_by_role("button", name="Finalize revision").press("Enter")
    dialog.get_by_role("button", name="Finalize").press("Enter")
    # a reason that is too short stops at the field, and nothing is taken away
    summary = page.get_by_text("Take this revision away from every reader")
    summary.press("Enter")
    reason = page.get_by_label("Reason")
    reason.fill("Wrong.")
    page.get_by_role("button", name="Revoke revision").press("Enter")
    assert reason.evaluate("field => field.validity.tooShort")
    assert "RevokedAt" not in publisher.dx.get_revision(DataSetId=data_set, RevisionId=revision)
    assert faults_of(page) == []
    reason.fill("The lift was given in pounds.")
    page.get_by_role("button", name="Revoke revision").press("Enter")
    expect(page.get_by_text("The lift was given in pounds.").first).to_be_visible()
    assert publisher.dx.get_revision(DataSetId=data_set, RevisionId=revision)["Revoked"]
    # a draft that nobody needs
    page.goto(f"{exchange.url}/publish/data-sets/{data_set}")
    page.get_by_role("button", name="New revision").first.press("Enter")
    page.get_by_role("button", name="Delete draft").press("Enter")
    dialog.get_by_role("button", name="Delete revision").press("Enter")
    page.wait_for_url(f"**/publish/data-sets/{data_set}")
    left = publisher.dx.list_data_set_revisions(DataSetId=data_set)["Revisions"]
    assert [found["Id"] for found in left] == [revision]
