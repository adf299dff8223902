"""The board of data requests: asking, wanting the same, answering, closing; counts that stay right."""

import threading

import pytest
from django.db import connection
from django.utils import timezone

from marketplace.core import work
from marketplace.core.errors import Invalid, LimitExceeded, NotFound
from marketplace.core.limits import TooManyRequests
from marketplace.core.models import AuditRecord, Notification
from publishers.operations import products
from subscriptions import data_requests
from subscriptions.models import DataRequest, DataRequestAnswer, DataRequestVote
from tests.conftest import actor_of, make_member


def ask(member, title="Ferry departures", **changes):
    wanted = {"description": "Every departure since 2015.", "category": "Mobility"} | changes
    return data_requests.create_data_request(
        organization=member.organization,
        user=member.user,
        title=title,
        actor=actor_of(member),
        at=timezone.now(),
        **wanted,
    )


def vote(member, data_request):
    return data_requests.vote(
        data_request=data_request, organization=member.organization, actor=actor_of(member), at=timezone.now()
    )


def unvote(member, data_request):
    return data_requests.unvote(data_request=data_request, organization=member.organization, actor=actor_of(member))


def answer(member, data_request, *, text="We have it.", product=None):
    return data_requests.answer(
        data_request=data_request,
        organization=member.organization,
        user=member.user,
        text=text,
        product=product,
        actor=actor_of(member),
        at=timezone.now(),
    )


def close(member, data_request):
    return data_requests.close_data_request(data_request=data_request, actor=actor_of(member), at=timezone.now())


@pytest.mark.django_db
def test_a_vote_counts_once_and_can_be_taken_back(subscriber, publisher, stranger):
    asked = ask(subscriber)
    for _ in range(2):
        vote(publisher, asked)
        vote(stranger, asked)
    asked.refresh_from_db()
    assert asked.vote_count == 2
    for _ in range(2):
        unvote(stranger, asked)
    asked.refresh_from_db()
    assert asked.vote_count == DataRequestVote.objects.count() == 1
    assert data_requests.wanted_by(organization=publisher.organization, data_request_ids=[asked.pk]) == {asked.pk}
    assert data_requests.wanted_by(organization=stranger.organization, data_request_ids=[asked.pk]) == set()


@pytest.mark.django_db(transaction=True)
def test_votes_at_the_same_moment_are_all_counted():
    asked = ask(make_member("Asker"))
    voters = [make_member(f"Voter {number}") for number in range(4)]
    barrier = threading.Barrier(8)

    def cast(member):
        try:
            barrier.wait()
            vote(member, asked)
        finally:
            connection.close()

    threads = [threading.Thread(target=cast, args=(member,)) for member in voters * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked.refresh_from_db()
    assert asked.vote_count == DataRequestVote.objects.count() == 4


@pytest.mark.django_db
def test_nobody_votes_for_or_answers_what_they_asked_themselves(subscriber):
    asked = ask(subscriber)
    with pytest.raises(data_requests.OwnRequest):
        vote(subscriber, asked)
    with pytest.raises(data_requests.OwnRequest):
        answer(subscriber, asked)
    assert not DataRequestVote.objects.exists()
    assert not DataRequestAnswer.objects.exists()


@pytest.mark.django_db
def test_a_closed_request_takes_nothing_more_and_stays_readable(subscriber, publisher, stranger):
    asked = ask(subscriber)
    vote(stranger, asked)
    closed_at = close(subscriber, asked).closed_at
    assert close(subscriber, asked).closed_at == closed_at
    for act in (vote, unvote, answer):
        with pytest.raises(data_requests.RequestIsClosed):
            act(stranger, asked)
    found = data_requests.get_data_request(asked.pk)
    assert (found.vote_count, found.answer_count) == (1, 0)
    assert list(data_requests.list_data_requests()) == []
    assert list(data_requests.list_data_requests(is_open=False)) == [asked]
    assert AuditRecord.objects.filter(action="data_request.closed").count() == 1


@pytest.mark.django_db
def test_only_its_own_organization_gets_a_request_to_close(subscriber, stranger):
    asked = ask(subscriber)
    with pytest.raises(NotFound):
        data_requests.get_own_data_request(organization=stranger.organization, data_request_id=asked.pk)


@pytest.mark.django_db
def test_ten_open_requests_are_the_most_and_closing_one_makes_room(subscriber, stranger):
    made = [ask(subscriber, f"Wish {number}") for number in range(10)]
    with pytest.raises(LimitExceeded, match="10 open requests"):
        ask(subscriber)
    assert ask(stranger).pk
    close(subscriber, made[0])
    assert ask(subscriber).pk
    assert DataRequest.objects.count() == 12


@pytest.mark.django_db
def test_asking_and_closing_all_day_ends_too(subscriber):
    for number in range(20):
        close(subscriber, ask(subscriber, f"Wish {number}"))
    with pytest.raises(TooManyRequests):
        ask(subscriber)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"description": "\n"}, "description"),
        ({"description": "x" * 5001}, "description"),
        ({"description": "a\x00b"}, "description"),
        ({"category": "Cats"}, "category"),
    ],
)
def test_what_cannot_stand_on_the_board_is_refused_at_its_field(subscriber, changes, field):
    with pytest.raises(Invalid) as caught:
        ask(subscriber, **changes)
    assert caught.value.field == field
    assert not DataRequest.objects.exists()


@pytest.mark.django_db
def test_the_board_is_searched_narrowed_and_ordered(subscriber, publisher, stranger):
    ferries, trains = ask(subscriber), ask(subscriber, "Train delays", category="", description="By station.")
    vote(publisher, ferries)
    assert list(data_requests.list_data_requests()) == [ferries, trains]
    assert list(data_requests.list_data_requests(sort="newest")) == [trains, ferries]
    assert list(data_requests.list_data_requests(text="STATION train")) == [trains]
    assert list(data_requests.list_data_requests(text="station ferry")) == []
    assert list(data_requests.list_data_requests(text="100%_")) == []
    assert list(data_requests.list_data_requests(category="Mobility")) == [ferries]
    assert data_requests.count_by_category() == {"": 1, "Mobility": 1}


@pytest.mark.django_db
def test_an_answer_names_a_listed_product_of_ones_own_and_tells_who_asked_once(
    subscriber, publisher, stranger, product
):
    asked = ask(subscriber)
    with pytest.raises(Invalid) as caught:
        answer(stranger, asked, product=product)
    assert caught.value.field == "product"
    made = answer(publisher, asked, product=product)
    work.run_due()
    data_requests.tell_author(answer_id=made.pk, at=timezone.now())  # the task may run twice
    told = Notification.objects.get(topic="data_request.answered")
    assert told.membership == subscriber
    assert told.text == "Publisher answered your request “Ferry departures”"
    assert told.path == f"/requests/{asked.pk}#answer-{made.pk}"
    assert [a.product for a in data_requests.list_answers(data_request=asked)] == [product]
    products.unpublish_product(product=product, actor=actor_of(publisher), at=timezone.now())
    assert [a.product for a in data_requests.list_answers(data_request=asked)] == [None]
    with pytest.raises(Invalid):
        answer(publisher, asked, product=product)


@pytest.mark.django_db
def test_an_answer_that_is_gone_tells_nobody():
    data_requests.tell_author(answer_id="0" * 32, at=timezone.now())
    assert not Notification.objects.exists()
