"""Measure the catalogue over 20,000 and 200,000 generated products, over 1,000,000 too with --million.

The products come from a fixed seed: a vocabulary of 30,000 words drawn by Zipf's law, names of three to five words, summaries of
12, descriptions of 90, 2,000 publishers. They are written straight into the tables. A mix of searches then goes through
the product's own `search_catalogue`, page and facets included; the peer is REST framework's SearchFilter over name, summary and
description with count and page, in the same run. At last whole pages are asked of the test client, against their SQL.
"""

import argparse
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.parts import EXCHANGE

os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings.main"
import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.test import Client, RequestFactory  # noqa: E402
from rest_framework.filters import SearchFilter  # noqa: E402
from rest_framework.request import Request  # noqa: E402

from marketplace.core.models import Organization  # noqa: E402
from publishers.models import Product  # noqa: E402
from publishers.models.facets import CATEGORY, FORMAT, FREQUENCY, REGION  # noqa: E402
from publishers.queries.catalogue import PAGE, Search, forget_counts, search_catalogue  # noqa: E402

SEED, WORDS, PUBLISHERS, SEARCHES, PEER_SEARCHES, PAGES = 42, 30_000, 2_000, 400, 12, 60
SIZES, MILLION = (20_000, 200_000), 1_000_000
#: what has to hold at 200,000: milliseconds, and times the peer
P50_MS, P99_MS, TIMES, PAGE_TIMES = 10, 150, 100, 3
#: indexes that are made after the rows, which is quicker
BUILT_LATER = ("product_search_words", "product_search_head", "product_name_trigrams")


def vocabulary() -> list[str]:
    """Return the words, the commonest first."""
    chance = random.Random(SEED)
    begins = [*"bcdfghklmnprstvwz", "br", "cl", "dr", "gr", "pl", "st", "tr"]
    middles = [*"aeiou", "ai", "ea", "ou"]
    found: dict[str, None] = {}
    while len(found) < WORDS:
        syllables = chance.choice((2, 2, 3, 3, 4))
        word = "".join(chance.choice(begins) + chance.choice(middles) for _ in range(syllables)) + chance.choice(
            "nrtlkmd"
        )
        found[word] = None
    return list(found)


VOCABULARY = vocabulary()
WEIGHTS: list[float] = []
for rank in range(1, WORDS + 1):
    WEIGHTS.append((WEIGHTS[-1] if WEIGHTS else 0) + 1 / (rank + 30))


def made_products(first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """Return the products of these numbers; a number's product is the same in every run."""
    for number in range(first, last):
        chance = random.Random(SEED * 10_000_000 + number)
        words = chance.choices(VOCABULARY, cum_weights=WEIGHTS, k=107)
        yield (
            f"bench-{number:08d}",
            min(int(chance.paretovariate(0.6)), PUBLISHERS) - 1,
            " ".join(words[: 3 + number % 3]).capitalize()[:72],
            " ".join(words[5:17]).capitalize() + ".",
            " ".join(words[17:]),
            CATEGORY.words[min(int(chance.expovariate(0.3)), len(CATEGORY.words) - 1)],
            FREQUENCY.words[min(int(chance.expovariate(0.4)), len(FREQUENCY.words) - 1)],
            REGION.bits(chance.sample(REGION.words, chance.choice((1, 1, 1, 2, 3)))),
            FORMAT.bits(chance.sample(FORMAT.words[:12], chance.choice((1, 1, 2, 2, 3)))),
            chance.choice((1, 1, 1, 2, 4)),
            chance.choice((1, 3, 3, 3, 4, 8, 16)),
            int(chance.paretovariate(0.8)) - 1,
            chance.randrange(10**4, 10**11),
            chance.randrange(1, 400),
            chance.randrange(0, 700 * 86_400),
        )


def write_products(first: int, last: int, owners: list[Organization]) -> float:
    """Write products and their search rows; return how long it took, seconds."""
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY(%s)", [list(BUILT_LATER)])
        later = cursor.fetchall()
        for name, _ in later:
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute(
            """
            CREATE TEMP TABLE made (id text, owner int, name text, short text, text text, category text, frequency text,
                regions int, formats int, price int, delivery int, popularity int, size bigint, revisions int, age int)
            """
        )
        cursor.execute("CREATE TEMP TABLE owners (n int, id text, account bigint, name text)")
        with cursor.copy("COPY owners FROM STDIN") as copy:
            for number, owner in enumerate(owners):
                copy.write_row((number, owner.pk, int(owner.account_id), owner.name))
        with cursor.copy("COPY made FROM STDIN") as copy:
            for row in made_products(first, last):
                copy.write_row(row)
        cursor.execute(
            """
            INSERT INTO publishers_product (id, owner_id, name, short_description, description, category, update_frequency,
                coverage, licence, source_url, support_contact, dictionary, frequency, state, created_at, updated_at, published_at)
            SELECT m.id, o.id, m.name, m.short, m.text, m.category, '', '', '', '', 'x@example.org', '[]', m.frequency,
                   'PUBLISHED', now(), now(), now() - make_interval(secs => m.age * 2)
            FROM made m JOIN owners o ON o.n = m.owner
            """
        )
        codes = " ".join(f"WHEN '{word}' THEN {CATEGORY.code(word)}" for word in CATEGORY.words)
        speeds = " ".join(f"WHEN '{word}' THEN {FREQUENCY.code(word)}" for word in FREQUENCY.words)
        cursor.execute(
            f"""
            INSERT INTO publishers_productsearch (product_id, head, full_text, publisher, category_code, price_bits,
                delivery_bits, frequency_code, region_bits, format_bits, sort_name, popularity, size_bytes, revision_count,
                listed_at, refreshed_at)
            SELECT m.id, setweight(to_tsvector('english', m.name), 'A') || setweight(to_tsvector('english', m.short), 'B'),
                   setweight(to_tsvector('english', m.name || ' ' || o.name), 'A')
                       || setweight(to_tsvector('english', m.short || ' ' || m.category), 'B')
                       || setweight(to_tsvector('english', m.text), 'D'),
                   o.account, CASE m.category {codes} END, m.price, m.delivery, CASE m.frequency {speeds} END, m.regions,
                   m.formats, left(lower(m.name), 24), m.popularity, m.size, m.revisions,
                   now() - make_interval(secs => m.age * 2), now() - make_interval(secs => m.age)
            FROM made m JOIN owners o ON o.n = m.owner
            """
        )
        cursor.execute("DROP TABLE made; DROP TABLE owners")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for _, definition in later:
            cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE publishers_product")
        cursor.execute("VACUUM ANALYZE publishers_productsearch")
    return time.perf_counter() - started


def mixed_searches() -> list[tuple[str, Search]]:
    """Return the mix, each with its kind."""
    chance = random.Random(SEED + 1)

    def word(least: int, most: int) -> str:
        return VOCABULARY[chance.randrange(least, most)]

    def two_words() -> Search:
        return Search(text=f"{word(50, 3_000)} {word(50, 3_000)}")

    def rare_word() -> Search:
        return Search(text=word(5_000, WORDS))

    def common_word() -> Search:  # stands in about 7% of the products
        return Search(text=word(100, 140))

    def four_filters() -> Search:
        return Search(
            text=word(50, 3_000),
            categories=(chance.choice(CATEGORY.words[:5]),),
            prices=("FREE",),
            formats=tuple(chance.sample(FORMAT.words[:12], 2)),
            regions=(chance.choice(REGION.words),),
        )

    def no_words() -> Search:
        picks: list[dict[str, tuple[str, ...]]] = [
            {"categories": (chance.choice(CATEGORY.words),)},
            {"formats": (chance.choice(FORMAT.words[:12]),), "regions": (chance.choice(REGION.words),)},
            {},
        ]
        return replace(Search(**chance.choice(picks)), sort=chance.choice(("relevant", "newest", "updated", "name")))

    def typing_error() -> Search:
        title = Product.objects.values_list("name", flat=True).get(pk=f"bench-{chance.randrange(20_000):08d}")
        first = title.split()[0]
        return Search(text=f"{first[0]}{first[2]}{first[1]}{first[3:]}xq {title.split()[1]}")

    def half_typed() -> Search:
        return Search(text=word(50, 3_000)[:5])

    shares: list[tuple[int, Callable[[], Search]]] = [
        (30, two_words),
        (15, rare_word),
        (10, common_word),
        (20, four_filters),
        (15, no_words),
        (5, typing_error),
        (5, half_typed),
    ]
    kinds = [make for share, make in shares for _ in range(share * SEARCHES // 100)]
    chance.shuffle(kinds)
    return [(make.__name__.replace("_", " "), make()) for make in kinds]


def timed(action: Callable[[], object]) -> float:
    """Return how long something took, ms."""
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def percentiles(times: list[float]) -> tuple[float, float, float]:
    """Return p50, p95 and p99."""
    ordered = sorted(times)
    return (
        statistics.median(ordered),
        ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))],
        ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
    )


def say(name: str, times: list[float]) -> tuple[float, float, float]:
    """Print the percentiles of a measurement, and return them."""
    found = percentiles(times)
    print(
        f"  {name:<44} p50 {found[0]:8.1f}   p95 {found[1]:8.1f}   p99 {found[2]:8.1f} ms   n {len(times)}", flush=True
    )
    return found


class Searched:
    """What SearchFilter asks of a view."""

    search_fields = ("name", "short_description", "description")


def peer_search(text: str) -> object:
    """Count and fetch a page by REST framework's SearchFilter."""
    request = Request(RequestFactory().get("/", {"search": text}))
    found = SearchFilter().filter_queryset(request, Product.objects.listed(), Searched())
    return found.count(), list(found[:PAGE])


@contextmanager
def sql_times() -> Iterator[list[float]]:
    """Collect the time of each statement, ms."""
    times: list[float] = []

    def measure(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            times.append((time.perf_counter() - started) * 1000)

    with connection.execute_wrapper(measure):
        yield times


def whole_pages(searches: list[tuple[str, Search]]) -> tuple[float, float]:
    """Print how long catalogue pages take from request to HTML against their own SQL; return both medians."""
    client, wholes, sqls = Client(HTTP_HOST="127.0.0.1"), list[float](), list[float]()
    for _, search in searches[:PAGES]:
        query: dict[str, Any] = {"q": search.text, "category": search.categories, "format": search.formats}
        query |= {"region": search.regions, "price": search.prices}
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM core_ratecounter")  # one address may search 5 times a second
        with sql_times() as sql:
            started = time.perf_counter()
            answer = client.get("/catalogue", query)
            wholes.append((time.perf_counter() - started) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"the catalogue answered {answer.status_code}")
        sqls.append(sum(sql))
    say("whole page, request to HTML", wholes)
    say("its SQL", sqls)
    return statistics.fmean(wholes), statistics.fmean(sqls)


def measure(size: int, *, with_pages: bool) -> None:
    """Measure the mix over what is in the tables, and print it."""
    print(f"{size:,} products", flush=True)
    searches = mixed_searches()
    for _, search in searches[:20]:
        search_catalogue(search)
    forget_counts()
    say("whole catalogue counted, before it is kept", [timed(lambda: search_catalogue(Search()))])
    by_kind: dict[str, list[float]] = {}
    in_database: list[float] = []
    for kind, search in searches:
        with sql_times() as sql:
            by_kind.setdefault(kind, []).append(timed(lambda search=search: search_catalogue(search)))  # type: ignore[misc]
        in_database.append(sum(sql))
    for kind, times in by_kind.items():
        say(kind, times)
    say("mix, page and facets", [t for times in by_kind.values() for t in times])
    p50, _, p99 = say("mix, in the database", in_database)
    peer_wholes, peer_in_database = list[float](), list[float]()
    for text in [search.text for kind, search in searches if kind in {"two words", "four filters"}][:PEER_SEARCHES]:
        with sql_times() as sql:
            peer_wholes.append(timed(lambda text=text: peer_search(text)))  # type: ignore[misc]
        peer_in_database.append(sum(sql))
    say("SearchFilter, count and page", peer_wholes)
    peer = say("SearchFilter, in the database", peer_in_database)[0]
    held = p50 <= P50_MS and p99 <= P99_MS and peer / p50 >= TIMES
    print(f"  SearchFilter takes {peer / p50:.0f} times as long in the database", flush=True)
    if size == SIZES[-1]:
        limits = f"p50 {P50_MS} ms, p99 {P99_MS} ms, {TIMES} times"
        print(f"  limits, in the database: {limits}: {'held' if held else 'NOT HELD'}", flush=True)
    if with_pages:
        page, sql_only = whole_pages(searches)
        verdict = "held" if page <= PAGE_TIMES * sql_only else "NOT HELD"
        print(f"  page {page / sql_only:.2f} times its SQL (means), limit {PAGE_TIMES}: {verdict}", flush=True)


def main() -> None:
    """Write, measure, grow, measure again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true", help="also with 1,000,000 products; takes some minutes more")
    wanted = parser.parse_args()
    EXCHANGE.wait_until_ready()
    owners = Organization.objects.bulk_create(
        Organization(
            account_id=str(100_000_000_000 + n), name=f"{VOCABULARY[n].capitalize()} data", is_verified=n % 3 == 0
        )
        for n in range(PUBLISHERS)
    )
    written = 0
    for size in (*SIZES, *([MILLION] if wanted.million else [])):
        took = write_products(written, size, owners)
        print(f"wrote {size - written:,} products, indexes included, in {took:.0f} s; load {os.getloadavg()[0]:.1f}")
        written = size
        measure(size, with_pages=size == SIZES[-1])


if __name__ == "__main__":
    main()
