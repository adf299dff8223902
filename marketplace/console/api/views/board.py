"""Saved searches of a member, and the board of data requests."""

from dataclasses import dataclass
from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import PUBLIC, ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.board import (
    AnswerShape,
    DataRequestQuery,
    DataRequestShape,
    DataRequestWithAnswers,
    NewAnswer,
    NewDataRequest,
    NewSavedSearch,
    SavedSearchChange,
    SavedSearchShape,
)
from publishers.queries.products import get_owned_product
from subscriptions import data_requests, saved_searches
from subscriptions.models import DataRequest, DataRequestAnswer, SavedSearch


class SavedSearchesView(ApiView):
    tag = "Saved searches"

    @operation("list_saved_searches", scope="catalogue:read", lists=SavedSearchShape)
    def get(self, caller: Caller, query: dict[str, Any]) -> Page:
        """List the searches that you saved, newest first. They are yours alone, not your organization's."""
        rows = saved_searches.list_saved_searches(organization=caller.organization, user=caller.user)
        binding = ["saved-searches", caller.organization.pk, str(caller.user.pk)]
        return page_of(rows, order_by=("-created_at", "-pk"), query=query, binding=binding)

    @operation("create_saved_search", scope="catalogue:read", takes=NewSavedSearch, gives=SavedSearchShape, status=201)
    def post(self, caller: Caller, body: dict[str, Any]) -> SavedSearch:
        """Keep a search of the catalogue.

        With alerts you are told within some ten minutes when a new product matches, as `search.matched`.
        """
        return saved_searches.save_search(
            organization=caller.organization,
            user=caller.user,
            name=body["name"],
            query=saved_searches.check_query(body["query"]),
            alerts=body["alerts"],
            actor=caller.actor,
            at=caller.at,
        )


class SavedSearchView(ApiView):
    tag = "Saved searches"

    def _get(self, caller: Caller, saved_search_id: str) -> SavedSearch:
        return saved_searches.get_saved_search(
            organization=caller.organization, user=caller.user, saved_search_id=saved_search_id
        )

    @operation("get_saved_search", scope="catalogue:read", gives=SavedSearchShape)
    def get(self, caller: Caller, saved_search_id: str) -> SavedSearch:
        """Read a saved search."""
        return self._get(caller, saved_search_id)

    @operation("update_saved_search", scope="catalogue:read", takes=SavedSearchChange, gives=SavedSearchShape)
    def patch(self, caller: Caller, saved_search_id: str, body: dict[str, Any]) -> SavedSearch:
        """Rename a saved search, or switch its alerts."""
        saved = self._get(caller, saved_search_id)
        return saved_searches.change_saved_search(saved_search=saved, actor=caller.actor, **body)

    @operation("delete_saved_search", scope="catalogue:read")
    def delete(self, caller: Caller, saved_search_id: str) -> None:
        """Forget a saved search."""
        saved_searches.delete_saved_search(saved_search=self._get(caller, saved_search_id), actor=caller.actor)


@dataclass(frozen=True)
class RequestPage:
    """A data request with its answers; anything else is asked of the request itself."""

    data_request: DataRequest
    answers: list[DataRequestAnswer]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data_request, name)


def _page_of_request(data_request_id: str) -> RequestPage:
    found = data_requests.get_data_request(data_request_id)
    return RequestPage(found, list(data_requests.list_answers(data_request=found)))


class DataRequestsView(ApiView):
    tag = "Data requests"

    @operation("list_data_requests", scope=PUBLIC, asks=DataRequestQuery, lists=DataRequestShape)
    def get(self, caller: Caller | None, query: dict[str, Any]) -> Page:
        """List what organizations look for, newest first. Anybody may read it."""
        category, is_open = query.get("category", ""), query["state"] == "open"
        rows = data_requests.list_data_requests(text=query["q"], category=category, is_open=is_open, sort="newest")
        binding = ["data-requests", query["q"], category, query["state"]]
        return page_of(rows, order_by=("-created_at", "-pk"), query=query, binding=binding)

    @operation(
        "create_data_request",
        scope="subscriptions:write",
        takes=NewDataRequest,
        gives=DataRequestWithAnswers,
        status=201,
    )
    def post(self, caller: Caller, body: dict[str, Any]) -> RequestPage:
        """Ask for data that the catalogue does not have.

        Everybody reads it with your organization's name. You are told of each answer, as `data_request.answered`.
        """
        made = data_requests.create_data_request(
            organization=caller.organization, user=caller.user, actor=caller.actor, at=caller.at, **body
        )
        return _page_of_request(made.pk)


class DataRequestView(ApiView):
    tag = "Data requests"

    @operation("get_data_request", scope=PUBLIC, gives=DataRequestWithAnswers)
    def get(self, caller: Caller | None, data_request_id: str) -> RequestPage:
        """Read a request with its answers. Anybody may."""
        return _page_of_request(data_request_id)


class DataRequestVoteView(ApiView):
    tag = "Data requests"

    @operation("vote_for_data_request", scope="subscriptions:write", gives=DataRequestWithAnswers)
    def put(self, caller: Caller, data_request_id: str) -> RequestPage:
        """Say that your organization wants the same. It counts once, however often it is said."""
        found = data_requests.get_data_request(data_request_id)
        data_requests.vote(data_request=found, organization=caller.organization, actor=caller.actor, at=caller.at)
        return _page_of_request(data_request_id)

    @operation("take_back_vote_for_data_request", scope="subscriptions:write")
    def delete(self, caller: Caller, data_request_id: str) -> None:
        """Take the vote of your organization back."""
        found = data_requests.get_data_request(data_request_id)
        data_requests.unvote(data_request=found, organization=caller.organization, actor=caller.actor)


class DataRequestAnswersView(ApiView):
    tag = "Data requests"

    @operation("answer_data_request", scope="publish:write", takes=NewAnswer, gives=AnswerShape, status=201)
    def post(self, caller: Caller, data_request_id: str, body: dict[str, Any]) -> DataRequestAnswer:
        """Answer a request, with a product of yours that is in the catalogue where there is one.

        Everybody reads the answer with your organization's name, and whoever asked is told.
        """
        found = data_requests.get_data_request(data_request_id)
        chosen = body["product_id"]
        return data_requests.answer(
            data_request=found,
            organization=caller.organization,
            user=caller.user,
            text=body["text"],
            product=get_owned_product(owner=caller.organization, product_id=chosen) if chosen else None,
            actor=caller.actor,
            at=caller.at,
        )


class DataRequestCloseView(ApiView):
    tag = "Data requests"

    @operation("close_data_request", scope="subscriptions:write", gives=DataRequestWithAnswers)
    def post(self, caller: Caller, data_request_id: str) -> RequestPage:
        """Close a request of your own: it takes no more votes and answers, and stays readable."""
        found = data_requests.get_own_data_request(organization=caller.organization, data_request_id=data_request_id)
        data_requests.close_data_request(data_request=found, actor=caller.actor, at=caller.at)
        return _page_of_request(data_request_id)
