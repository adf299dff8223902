"""Names of columns that say that personal data stands in them: English, German, French, Spanish, Italian, Dutch, Portuguese."""

from __future__ import annotations

import re
import unicodedata

#: kind -> names, without accents; words of a name may also be written together
_NAMES: dict[str, str] = {
    "email": "email, e mail, email address, e mail address, mail address, emailadresse, mailadresse, adresse mail,"
    "adresse email, courriel, adresse electronique, correo, correo electronico, indirizzo email, posta elettronica,"
    "mailadres, emailadres, endereco email, endereco de email",
    "phone": "phone, phone number, telephone, telephone number, mobile number, mobile phone, cell phone, tel, telefon,"
    "telefonnummer, handynummer, mobilnummer, rufnummer, numero de telephone, telefono, celular, cellulare,"
    "telefoonnummer, telefone, telemovel",
    "payment_card": "card number, credit card, credit card number, cc number, kartennummer, kreditkarte,"
    "kreditkartennummer, numero de carte, carte bancaire, numero de tarjeta, tarjeta de credito, numero carta,"
    "carta di credito, creditcardnummer, numero do cartao, cartao de credito",
    "iban": "iban, bank account, bank account number, kontonummer, bankverbindung, compte bancaire, cuenta bancaria,"
    "conto corrente, bankrekening, rekeningnummer, conta bancaria",
    "us_ssn": "ssn, social security number",
    "uk_nino": "national insurance number, ni number",
    "es_dni": "dni, nie, dni nie",
    "it_codice_fiscale": "codice fiscale, cod fiscale",
    "nl_bsn": "bsn, burgerservicenummer, sofinummer",
    "fr_nir": "nir, numero de securite sociale, numero securite sociale",
    "de_steuer_id": "steuer id, steueridentifikationsnummer, steuer identifikationsnummer, steuer idnr",
    "br_cpf": "cpf",
    "in_aadhaar": "aadhaar, aadhar, aadhaar number, aadhar number",
    "ip_address": "ip, ip address, ip addr, ipv4, ipv6, client ip, remote addr, adresse ip, ip adresse, direccion ip,"
    "indirizzo ip, ip adres, endereco ip",
    "street_address": "address, street, home address, anschrift, adresse, strasse, hausnummer, house number, rue,"
    "direccion, domicilio, calle, indirizzo, adres, straat, straatnaam, huisnummer, endereco, rua, morada, logradouro",
    "person_name": "full name, person name, customer name, patient name, employee name, contact name, kundenname,"
    "nom complet, nombre completo, nome completo, volledige naam",
    "first_name": "first name, given name, forename, vorname, prenom, primer nombre, nombre de pila, voornaam,"
    "primeiro nome",
    "last_name": "last name, surname, family name, maiden name, nachname, familienname, geburtsname, nom de famille,"
    "apellido, apellidos, cognome, achternaam, sobrenome, apelido",
    "birth_date": "birth date, birthday, date of birth, dob, geburtsdatum, geburtstag, geb datum, date de naissance,"
    "date naissance, fecha de nacimiento, fecha nacimiento, data di nascita, data nascita, geboortedatum,"
    "data de nascimento, data nascimento",
    "passport": "passport, reisepass, passnummer, reisepassnummer, passeport, pasaporte, passaporto, paspoort,"
    "paspoortnummer, passaporte",
    "salary": "salary, gehalt, bruttogehalt, nettogehalt, salaire, salario, sueldo, stipendio, salaris, remuneracao",
    "health": "diagnosis, diagnoses, diagnosis code, icd, icd code, medication, medical condition, medical record,"
    "mrn, disease, disability, blood type, blood group, allergies, hiv status, diagnose, krankheit, behinderung,"
    "maladie, handicap, enfermedad, diagnostico, malattia, diagnosi, ziekte, medicatie, doenca, diagnostic",
    # no person's address, although the last word is the same
    "": "mac address, web address, wallet address, contract address, memory address, site address",
}
_KINDS = {phrase.replace(" ", ""): kind for kind, names in _NAMES.items() for phrase in re.split(r",\s*", names)}
#: what stands before it says that the column tells about many, or whether there is a value at all
_NOT_AFTER = frozenset(
    (
        "has",
        "is",
        "num",
        "count",
        "n",
        "avg",
        "average",
        "mean",
        "median",
        "min",
        "max",
        "sum",
        "total",
        "pct",
        "percent",
    )
)
#: words at the end of a name that say nothing
_EMPTY = frozenset(("no", "nr", "num", "number", "nummer", "numero", "line", "text", "value", "raw", ""))
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LONGEST_NAME = 200
_MOST_WORDS = 4


def kind_of_name(name: str) -> str:
    """Return the kind of personal data that a column's name names, empty for none.

    The name's last words count: "customer_email_2" holds e-mail addresses, "email_count" and "avg_salary" do not.
    """
    words = _words(name)
    for kept in (words, _without_end(words)):
        for length in range(min(_MOST_WORDS, len(kept)), 0, -1):
            kind = _KINDS.get("".join(kept[-length:]))
            if kind is not None:
                return "" if _NOT_AFTER.intersection(kept[:-length]) else kind
    return ""


def _words(name: str) -> list[str]:
    """Return the words of a name in small letters, without accents and without digits at their ends."""
    spaced = _CAMEL.sub(" ", name[:_LONGEST_NAME])
    plain = unicodedata.normalize("NFKD", spaced.casefold())  # casefold writes ß as ss
    letters = "".join(character for character in plain if not unicodedata.combining(character))
    words = [
        word if word in {"ipv4", "ipv6"} else word.rstrip("0123456789") for word in re.findall(r"[a-z0-9]+", letters)
    ]
    return [word for word in words if word]


def _without_end(words: list[str]) -> list[str]:
    end = len(words)
    while end and words[end - 1] in _EMPTY:
        end -= 1
    return words[:end]
