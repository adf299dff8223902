"""Tables are built once, bounded, and leave nothing half-done."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client

from dataapi import cache, readers, tables, views
from marketplace.core import jail, storage
from marketplace.core.waiting import long_wait
from publishers.models import Asset
from tests.dataapi.conftest import Program

pytestmark = pytest.mark.django_db(transaction=True)


def asset_at(path: str) -> Asset:
    return Asset.objects.get(pk=path.rsplit("/", 1)[1])


def entries(own_cache) -> list[str]:
    return sorted(entry.name for entry in (own_cache / "rows" / "entries").iterdir())


def test_many_at_once_have_the_table_built_once(publish, own_cache, caplog):
    path = publish("numbers.csv", b"n,m\n" + b"".join(b"%d,%d\n" % (n, n) for n in range(50_000)))
    asset = asset_at(path)
    caplog.set_level("INFO", logger="dataapi.cache")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: cache.get_table(asset, wait_s=60), range(8)))
    assert {table.row_count for table in found} == {50_000}
    assert [record.message for record in caplog.records].count("table prepared") == 1
    assert entries(own_cache) == [cache.key_of(asset)]


def test_two_processes_have_the_table_built_once(publish, own_cache, caplog):
    """A second process waits for the lock that the first one holds, and then finds the table there."""
    path = publish("numbers.csv", b"n\n1\n")
    asset = asset_at(path)
    caplog.set_level("INFO", logger="dataapi.cache")
    with cache._locked(cache.key_of(asset)):
        with pytest.raises(cache.NotNow) as told:
            cache.get_table(asset, wait_s=0.3)
        assert (told.value.code, told.value.retry_after_s) == ("TableIsBeingBuilt", 2)
        entry = own_cache / "rows" / "entries" / cache.key_of(asset)
        entry.mkdir(parents=True)
        (entry / "rows.duckdb").write_bytes(b"the other one's")
        (entry / "table.json").write_text('{"columns": [], "row_count": 7}')
    deadline = time.monotonic() + 20
    while cache._builds and time.monotonic() < deadline:
        time.sleep(0.05)
    assert cache.get_table(asset, wait_s=5).row_count == 7
    assert "table prepared" not in [record.message for record in caplog.records]


def test_a_caller_who_waited_long_enough_is_told_when_to_come_back_and_finds_it_built(program, publish, monkeypatch):
    path = publish("numbers.csv", b"n\n1\n")
    monkeypatch.setattr(views, "WAIT_S", 0.0)
    answer = program.get(f"{path}/rows")
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "TableIsBeingBuilt", "2")
    deadline = time.monotonic() + 20
    while (answer := program.get(f"{path}/rows")).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert answer.json()["rows"] == [{"n": 1}]


def test_only_one_request_of_a_process_waits_long(publish, subscriber, program, monkeypatch):
    path = publish("numbers.csv", b"n\n1\n")
    monkeypatch.setattr(views, "SHORT_WAIT_S", 0.2)
    with cache._locked(cache.key_of(asset_at(path))), long_wait():
        started = time.monotonic()
        assert Program.get(program, f"{path}/rows").status_code == 503
        assert time.monotonic() - started < 3
    assert isinstance(program.client, Client)


def test_the_longest_unused_tables_go_first(publish, own_cache, settings):
    settings.DATA_CACHE_BYTES = 10**7
    paths = [publish(f"{n}.csv", b"n\n%d\n" % n) for n in range(3)]
    made = [cache.get_table(asset_at(path), wait_s=30) for path in paths]
    one = cache._size(made[0].path.parent)
    for age, table in ((300, made[0]), (100, made[1]), (200, made[2])):
        stamp = time.time() - age
        os.utime(table.path.with_name("table.json"), (stamp, stamp))
    settings.DATA_CACHE_BYTES = int(one * 3.5)
    cache.get_table(asset_at(paths[0]), wait_s=5)  # used again: now the youngest
    last = publish("last.csv", b"n\n9\n")
    cache.get_table(asset_at(last), wait_s=30)
    kept = [cache.key_of(asset_at(path)) for path in (paths[0], paths[1], last)]
    assert entries(own_cache) == sorted(kept)


def test_a_table_that_is_removed_while_it_is_read_is_read_on(program, publish, own_cache):
    path = publish("numbers.csv", b"n\n1\n2\n3\n")
    first = program.read(f"{path}/rows", limit=1)
    jail.discard(own_cache / "rows" / "entries")
    assert program.read(f"{path}/rows", limit=5, cursor=first["next_cursor"])["rows"] == [{"n": 2}, {"n": 3}]


def test_a_damaged_table_is_built_again(program, publish, own_cache):
    path = publish("numbers.csv", b"n\n1\n")
    program.read(f"{path}/rows")
    for reader in list(readers._readers):
        readers._drop(reader)
    (entry,) = (own_cache / "rows" / "entries").iterdir()
    (entry / "rows.duckdb").chmod(0o600)
    (entry / "rows.duckdb").write_bytes(b"no database")
    assert program.get(f"{path}/rows").status_code == 503
    assert program.read(f"{path}/rows")["rows"] == [{"n": 1}]


def test_what_a_killed_build_left_is_removed(program, publish, own_cache):
    path = publish("numbers.csv", b"n\n1\n")
    left = own_cache / "rows" / "building" / cache.key_of(asset_at(path))
    old = own_cache / "rows" / "building" / "another"
    for directory in (left, old):
        (directory / "out").mkdir(parents=True)
        (directory / "asset").write_bytes(b"half")
    os.utime(old, (0, 0))
    assert program.read(f"{path}/rows")["row_count"] == 1
    assert list((own_cache / "rows" / "building").iterdir()) == []


def test_bytes_that_do_not_match_their_checksum_are_not_served(program, publish, own_cache):
    path = publish("numbers.csv", b"n\n1\n")
    storage.vault().put(asset_at(path).vault_key, b"n\n2\n")
    answer = program.get(f"{path}/rows")
    assert (answer.status_code, answer.json()["code"]) == (503, "DamagedObject")
    assert entries(own_cache) == []
    assert list((own_cache / "rows" / "building").iterdir()) == []


def test_an_object_that_is_gone_is_said_and_nothing_is_left(program, publish, own_cache):
    path = publish("numbers.csv", b"n\n1\n")
    storage.vault().delete(asset_at(path).vault_key)
    answer = program.get(f"{path}/rows")
    assert (answer.status_code, answer.json()["code"]) == (503, "StoreIsAway")
    assert list((own_cache / "rows" / "building").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_503_with_no_half_file(program, publish, own_cache, settings):
    path = publish("numbers.csv", b"n\n1\n")
    cache._root("entries")
    (own_cache / "rows" / "building").write_text("in the way")
    answer = program.get(f"{path}/rows")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert entries(own_cache) == []


def test_a_file_that_the_cache_could_never_hold_is_refused_at_once(publish, settings):
    path = publish("numbers.csv", b"n\n" + b"1\n" * 100)
    settings.DATA_CACHE_BYTES = 200
    with pytest.raises(tables.UnreadableTable) as refused:
        cache.get_table(asset_at(path), wait_s=5)
    assert refused.value.reason == "TableTooLarge"
