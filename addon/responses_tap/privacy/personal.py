"""What looks like personal data in a text: a short list of what its form or check digits give away.

E-mail addresses (RFC 5321), payment cards (ISO/IEC 7812: issuer and Luhn digit), bank accounts (IBAN, ISO 13616:
length by country, MOD 97), international telephone numbers (E.164).
Names, addresses and other personal data are not found.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Personal(NamedTuple):
    """Something in a text that looks like personal data."""

    kind: str
    """`card number`, `e-mail`, `IBAN` or `phone number`."""
    start: int
    """Where it begins in the text, and `end` where it ends: characters."""
    end: int


_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?![\w@-])", re.ASCII | re.I)
_CARD = re.compile(
    r"(?<![\w/+.-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|3\d{3}([ -])\d{6}\2\d{4,5})"
    r"(?![\w/=+-]|[.,]\d)",
    re.ASCII,
)
_ISSUERS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|(?:6011|64[4-9]\d|65\d\d|62\d\d|35(?:2[89]|[3-8]\d))\d{12,15}",  # Discover, UnionPay, JCB
    re.ASCII,
)
_IBAN = re.compile(
    r"(?<![\w/=+])[A-Z]{2}\d\d(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)(?![\w/=+])", re.ASCII
)
_IBAN_LENGTHS = (
    "NO15 BE16 DK18 FI18 FO18 GL18 NL18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 XK20 CH21 CR21 "
    "HR21 LI21 LV21 BG22 BH22 DE22 GB22 GE22 IE22 ME22 RS22 AE23 GI23 IL23 IQ23 TL23 AD24 CZ24 "
    "ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 PT25 IS26 TR26 FR27 GR27 IT27 MC27 MR27 SM27 "
    "AL28 AZ28 BY28 CY28 DO28 GT28 HU28 LB28 PL28 SV28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 "
    "YE30 MT31 SC31 LC32 RU33"
)
"""The lengths of IBANs by country (SWIFT's IBAN registry)."""
_PHONE = re.compile(
    r"(?<![^\s\"'(:;,<])\+[1-9]\d{0,2}(?:[ .-]?\(\d{1,4}\))?(?:[ .-]?\d{2,5}){2,5}(?![\w+-]|[.,]\d)", re.ASCII
)
_PHONE_DIGITS = range(9, 16)


def find_personal(text: str) -> list[Personal]:
    """What looks like personal data in the text, in order, not overlapping."""
    separate: list[Personal] = []
    for found in sorted(_found(text), key=lambda found: (found.start, -found.end)):
        if not separate or found.start >= separate[-1].end:
            separate.append(found)
    return separate


def _found(text: str) -> Iterator[Personal]:
    for kind, pattern, is_one in _KINDS:
        yield from (Personal(kind, *match.span()) for match in pattern.finditer(text) if is_one(match))


def _is_address(match: re.Match[str]) -> bool:
    return not match[0].startswith("git@")  # ssh


def _is_card(match: re.Match[str]) -> bool:
    digits = re.sub("[ -]", "", match[0])
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return _ISSUERS.fullmatch(digits) is not None and sum(n - 9 * (n > 9) for n in doubled) % 10 == 0  # noqa: PLR2004


def _is_iban(match: re.Match[str]) -> bool:
    account = match[0].replace(" ", "")
    number = int("".join(str(int(character, 36)) for character in account[4:] + account[:4]))
    return f"{account[:2]}{len(account)}" in _IBAN_LENGTHS and number % 97 == 1


def _is_phone(match: re.Match[str]) -> bool:
    return len(re.sub(r"\D", "", match[0])) in _PHONE_DIGITS


_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...] = (
    ("card number", _CARD, _is_card),
    ("e-mail", _EMAIL, _is_address),
    ("IBAN", _IBAN, _is_iban),
    ("phone number", _PHONE, _is_phone),
)
