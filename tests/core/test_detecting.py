"""Detectors of personal data: what each must find, what none may, by rows and by DuckDB alike; only counts come out."""

import json
import random

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.core.jailed import checksums, detecting
from marketplace.core.jailed.detecting import CANDIDATES, KINDS, Watch, findings, findings_of_rows
from marketplace.core.jailed.naming import kind_of_name

#: published examples and test numbers; none belongs to anybody
TRUE = {
    "email": [
        "ada@example.org",
        "write to Ada <ada.l+x@mail.example.co.uk>!",
        "ADA@EXAMPLE.ORG",
        '{"to": "b.c@d.io"}',
    ],
    "phone": [
        "+49 30 1234567",
        "+4915112345678",
        "0049 30 123456",
        "(212) 555-0123",
        "212-555-0123",
        "212.555.0123",
        "+1 (212) 555-0123",
        "020 7946 0958",
        "07700 900123",
        "030/12345678",
        "01 23 45 67 89",
        "06-12345678",
        "612 34 56 78",
        "+33 1 23 45 67 89",
        "(030) 1234 5678",
        "+44 20 7946 0958",
        "call 07700 900123 now",
    ],
    "payment_card": [
        "4111111111111111",
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "378282246310005",
        "6011111111111117",
        "3530111333300000",
        "30569309025904",
        "2223003122003222",
        "4222222222222",
        "6304000000000000",
    ],
    "iban": [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB82 WEST 1234 5698 7654 32",
        "gb82west12345698765432",
        "NL91ABNA0417164300",
        "to FR14 2004 1010 0505 0001 3M02 606 please",
        "NO93 8601 1117 947",
    ],
    "us_ssn": [
        "123-45-6789",
        "SSN 536-22-1234.",
    ],
    "uk_nino": [
        "AB123456C",
        "AB 12 34 56 C",
        "jg103759a",
    ],
    "es_dni": [
        "12345678Z",
        "X1234567L",
        "12345678-Z",
        "Y-1234567-X",
    ],
    "it_codice_fiscale": [
        "RSSMRA85T10A562S",
        "rssmra85t10a562s",
        "MRTMTT25D09F205Z",
    ],
    "fr_nir": [
        "255081416802538",
        "2 55 08 14 168 025 38",
        "180126955222380",
    ],
    "br_cpf": [
        "390.533.447-05",
        "39053344705",
        "111.444.777-35",
    ],
    "in_aadhaar": [
        "2345 6789 0124",
        "234567890124",
    ],
    "ip_address": [
        "192.168.1.10",
        "8.8.8.8",
        "2001:db8::ff00:42:8329",
        "fe80::1",
        "203.0.113.9, 10.0.0.1",
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    ],
}
FALSE = [
    "1234567890",
    "10000234",
    "ORD-2024-00012",
    "112-3456789-0123456",
    "2024-01-31",
    "31.01.2024",
    "01-02-2013",
    "2013-01-01T10:00:00Z",
    "2013-01-01 10:00:00",
    "1700000000",
    "1700000000000",
    "1700000000000000",
    "40.7484,-73.9857",
    "+40.748433",
    "-73.985656",
    "+40.7484-073.9857/",
    "978-3-16-148410-0",
    "9783161484100",
    "0-306-40615-2",
    "0306406152",
    "12.5",
    "1,234,567.89",
    "1 234 567",
    "612 345 678",
    "02139-1234",
    "550e8400-e29b-41d4-a716-446655440000",
    "00:1a:2b:3c:4d:5e",
    "10:20:30",
    "1.2.3",
    "1.10.2.300",
    "lodash@4.17.21",
    "user@host",
    "logo@2x.png",
    "@handle",
    "Mozilla/5.0 Chrome/120.0.0.0 Safari/537.36",
    "4111111111111112",
    "DE89370400440532013001",
    "000-12-3456",
    "666-12-3456",
    "123-00-6789",
    "078-05-1120",
    "BG123456A",
    "12345678A",
    "RSSMRA85T10A562T",
    "390.533.447-06",
    "111.111.111-11",
    "N14228",
    "UA1545",
    "s1234567890123456789",
    "0.4111111111111111",
    "4111111111111111.5",
    "::",
    "::1",
    "0.0.0.0",
    "999.1.1.1",
    "2013",
    "5",
    "EWR",
    "01/02/2013 10:15",
    "GTIN 04006381333931",
    "2,024-01-31",
    "2020-2021",
    "2013-01-01 05",
    "2024-W05-1",
    "A1B2C3D4E5F6",
    "SN-00012345",
    "N123-45-67",
    "0001-2345-6789",
    "555-1234",
    "2013Q1",
    "20130101",
    "20130101T101500",
    "48.8566N 2.3522E",
    "48 51 24",
    "+5",
    "-123456789012",
    "1e10",
    "4,111,111,111,111,111",
    "tt0111161",
    "1234-5678",
    "ISSN 0317-8471",
    "10.1000/182",
    "DE123456789",
    "R2-D2",
]


def kinds_of(*values, column="c"):
    return [finding["kind"] for finding in findings_of_rows([column], [[value] for value in values])]


@pytest.mark.parametrize("kind", TRUE)
def test_what_is_of_a_kind_is_found_and_of_no_other(kind):
    assert {value: kinds_of(value) for value in TRUE[kind]} == {value: [kind] for value in TRUE[kind]}


def test_numbers_dates_codes_and_places_are_nobody_s():
    assert {value: kinds_of(value) for value in FALSE if kinds_of(value)} == {}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("order numbers", [str(4_000_000_000_000_000 + n) for n in range(500)]),
        ("twelve digits", [str(234_500_000_000 + n) for n in range(500)]),
        ("eleven digits", [str(30_000_000_000 + n) for n in range(500)]),
        ("fifteen digits", [str(180_126_900_000_000 + n) for n in range(500)]),
        ("EAN", [f"40063813{n:05}" for n in range(500)]),
        ("codes with a letter", [f"{n * 7919 % 10**8:08}{'ABCDEFGHJK'[n % 10]}" for n in range(500)]),
        ("hashes", [f"{random.Random(n).getrandbits(128):032X}" for n in range(500)]),
        ("milliseconds", [str(1_700_000_000_000 + n * 977) for n in range(500)]),
        ("coordinates", [f"{-73.9 + n / 1e4:.6f}, {40.7 + n / 1e4:.6f}" for n in range(500)]),
    ],
)
def test_a_check_digit_that_fits_by_chance_makes_no_finding(name, values):
    assert kinds_of(*values) == []


def test_only_a_name_makes_some_numbers_those_of_people():
    bsn, tax, ssn = "111222333", "86095742719", "536221234"
    assert kinds_of(bsn, tax, ssn) == []
    for column, value, kind in (
        ("bsn", bsn, "nl_bsn"),
        ("Steuer-ID", tax, "de_steuer_id"),
        ("employee_ssn", ssn, "us_ssn"),
    ):
        (finding,) = findings_of_rows([column], [[value], ["123456789"]])
        assert (finding["kind"], finding["by"], finding["count"]) == (kind, "values", 1 if kind != "us_ssn" else 2)
    assert not checksums.is_bsn("111222334")
    assert not checksums.is_steuer_id("86095742718")


def test_names_of_columns_speak_seven_languages():
    named = {
        "birth_date": ["DOB", "dateOfBirth", "Geburtsdatum", "date_naissance", "fecha de nacimiento", "data_nascita"],
        "last_name": ["LastName", "nachname", "nom_de_famille", "apellidos", "cognome", "achternaam", "sobrenome"],
        "street_address": [
            "address_line_2",
            "Straße",
            "dirección",
            "indirizzo",
            "adres",
            "endereço",
            "billing address",
        ],
        "phone": ["phone no", "Téléphone", "telefoonnummer", "Número de telefone"],
        "passport": ["passport_number", "Reisepass", "passeport"],
        "salary": ["SALARY", "gehalt", "salaire", "base_salary_2"],
        "health": ["icd10", "diagnosis_code", "maladie"],
    }
    assert {name: kind_of_name(name) for names in named.values() for name in names} == {
        name: kind for kind, names in named.items() for name in names
    }
    others = [
        "name",
        "email_count",
        "avg_salary",
        "has_email",
        "mac_address",
        "order_number",
        "nino",
        "hotel",
        "",
        "🦆",
    ]
    assert [kind_of_name(name) for name in others] == [""] * len(others)
    (finding,) = findings_of_rows(["dob", "id"], [["x", "1"], ["", "2"], [None, "3"], ["y", "4"]])
    assert finding == {"column": "dob", "kind": "birth_date", "by": "name", "count": 2, "share": 1.0}


def test_a_hundredth_of_the_values_or_twenty_of_them_make_a_finding():
    def column(mails, others):
        return ["ada@example.org"] * mails + [f"note {n}" for n in range(others)]

    assert kinds_of(*column(1, 99)) == ["email"]
    assert kinds_of(*column(1, 100)) == []
    assert kinds_of(*column(19, 5_000)) == []
    assert kinds_of(*column(20, 5_000)) == ["email"]


@settings(max_examples=60, deadline=None)
@given(st.text("0123456789", min_size=12, max_size=18), st.integers(1, 9), st.data())
def test_luhn_finds_any_changed_digit(digits, change, data):
    (check,) = [d for d in "0123456789" if checksums.passes_luhn(digits + d)]
    whole = digits + check
    place = data.draw(st.integers(0, len(whole) - 1))
    other = str((int(whole[place]) + change) % 10)
    assert not checksums.passes_luhn(whole[:place] + other + whole[place + 1 :])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(checksums.IBAN_LENGTHS)), st.data())
def test_mod_97_finds_any_changed_character(country, data):
    length = checksums.IBAN_LENGTHS[country] - 4
    account = data.draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=length, max_size=length))
    whole = f"{country}{98 - checksums.remainder_97(f'{account}{country}00'):02}{account}"
    assert checksums.is_iban(whole)
    place = data.draw(st.integers(4, len(whole) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
    if other != whole[place]:
        assert not checksums.is_iban(whole[:place] + other + whole[place + 1 :])


@pytest.fixture
def connection():
    with duckdb.connect(config={"threads": "1"}) as opened:
        yield opened


def test_duckdb_and_rows_find_the_same(connection):
    columns = [f"of {kind}" for kind in TRUE]
    depth = max(map(len, TRUE.values()))
    rows = [[values[n % len(values)] for values in TRUE.values()] for n in range(depth)] + [[None] * len(columns)]
    connection.execute(f"CREATE TABLE t ({', '.join(f'{detecting._quoted(c)} VARCHAR' for c in columns)})")
    connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(columns))})", rows)
    by_rows = findings_of_rows(columns, rows)
    assert [finding["kind"] for finding in by_rows] == list(TRUE)
    assert set(TRUE) <= set(KINDS)
    assert findings(connection, "t") == by_rows


def test_a_large_table_is_checked_in_bounded_steps(connection, monkeypatch):
    connection.execute(
        """CREATE TABLE t AS SELECT range AS id, 'user' || range || '@example.org' AS "e'mail", 4000000000000000 + range AS n,
        CASE WHEN range % 500 = 0 THEN '+49 30 ' || (1000000 + range) END AS tel, range * 1.5 AS salary,
        TIMESTAMP '2020-01-01' + to_seconds(range) AS at, ['a@example.org', 'x'] AS many, range % 2 = 0 AS has_email
        FROM range(100000)"""
    )
    checked = []
    check = detecting._Column.check
    monkeypatch.setattr(detecting._Column, "check", lambda *args: checked.append(args[0].name) or check(*args))
    found = findings(connection, "t")
    assert [(f["column"], f["kind"], f["by"], f["count"]) for f in found] == [
        ("e'mail", "email", "values", 100_000),
        ("tel", "phone", "values", 200),
        ("salary", "salary", "name", 100_000),
        ("many", "email", "values", 100_000),
    ]
    assert max(map(checked.count, set(checked))) <= CANDIDATES
    assert findings(connection, "(SELECT * FROM t)", ["id", "missing"]) == []


def test_hostile_values_cost_little_and_leave_no_trace():
    hostile = [
        "a@" * 50_000,
        "a." * 50_000 + "@" + "b." * 50_000,
        "+1" + " 2" * 50_000,
        "0" * 100_000,
        "4" + " 1" * 50_000,
        "A1" * 50_000,
        ":" * 100_000,
        "1." * 50_000,
        "(" * 100_000,
        "\x00\ud800",
        "DE89" + " 3704" * 20_000,
    ]
    assert kinds_of(*hostile) == []
    hidden = "x" * 100_000 + " ada@example.org " + "y" * 100_000
    found = findings_of_rows(["<b>", "n" * 10_000], [[hidden, "1"]])
    assert found == [{"column": "<b>", "kind": "email", "by": "values", "count": 1, "share": 1.0}]
    assert "ada" not in json.dumps(found)


def test_five_megabytes_of_mail_addresses_are_checked_in_so_many_steps():
    watch = Watch()
    for number in range(200_000):
        watch.see("mail", f"user{number}@example.org")
    assert watch.checked == CANDIDATES
    assert watch.findings() == [{"column": "mail", "kind": "email", "by": "values", "count": 200_000, "share": 1.0}]
