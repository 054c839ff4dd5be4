"""What a secret looks like, wherever it occurs: the patterns, and the one scanner that uses them.

The prefixes of tokens come from gitleaks' rules (github.com/gitleaks/gitleaks, commit b58d3f10, MIT license, Copyright
(c) 2019 Zachary Rice), plus some that it lacks. Only the prefixes: its rules require exact lengths, but a token of
another length must be masked, too. It was chosen over detect-secrets, which knows a fifth of these services and would
bring its dependencies into the proxy.
"""

import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from responses_tap.errors import RecordingError
from responses_tap.privacy.masks import is_mask

OWN_PATTERNS = "RESPONSES_TAP_SECRETS"
"""The environment variable with regular expressions for further secrets, one a line. (As arguments they, and perhaps
the secrets in them, would be visible to every user of the machine.)"""

_LEADS = (
    # models
    "sk-", "sk_", "sess-", "ek-", "ek_", "rk-", "gsk_", "hf_", "api_org_", "nvapi-", "pplx-", "r8_", "xai-", "fw_",
    "tgp_v1_", "csk-", "lsv2_", "pcsk_", "jina_", "tvly-", "voyage-",
    # code and packages
    "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glft-",
    "glsoat-", "gloas-", "glffct-", "glimt-", "glagent-", "GR1348941", "npm_", "pypi-", "rubygems_", "CLOJARS_", "oy2",
    "dckr_pat_", "dckr_oat_", "sgp_", "figd_", "ATATT", "ATCTT", "ATBB", "lin_api_", "ntn_", "secret_", "PMAK-",
    "AKCp", "cmVmd", "rdme_", "sntrys_", "sntryu_",
    # clouds
    "dapi", "dop_v1_", "doo_v1_", "dor_v1_", "LTAI", "ABSK", "bedrock-api-key-", "hvs.", "hvb.", "hvr.", "dp.pt.",
    "dp.st.", "dp.ct.", "pul-", "glc_", "glsa_", "eyJrIjoi", "dt0c01.", "fo1_", "fm1r_", "fm2_", "HRKU-", "tk-us-",
    "sha256~", "pnu_", "pscale_tkn_", "pscale_oauth_", "pscale_pw_", "ops_eyJ", "nfp_", "sbp_", "vercel_", "rnd_",
    "ya29.", "GOCSPX-", "AIza", "v1.0-", "ico-", "AGE-SECRET-KEY-1",
    # messages, money, shops
    "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-", "xoxe-", "xoxe.", "xapp-", "SG.", "xkeysib-", "sk_live_",
    "sk_test_", "rk_live_", "rk_test_", "pk_live_", "whsec_", "shpat_", "shpca_", "shppa_", "shpss_", "shippo_",
    "sq0atp-", "sq0csp-", "EAAA", "EAAC", "EAAM", "EZAK", "EZTK", "FLWSECK", "NRAK-", "NRII-", "NRJS-", "duffel_",
    "fio-u-", "sm_aat_", "sm_pat_", "sm_sat_", "key-", "p8e-", "phc_", "phx_",
)  # fmt: skip
"""The prefixes of known services' tokens."""
_PARAMETERS = (
    "access_token", "api-key", "api_key", "apikey", "auth", "auth_token", "authorization", "client_secret", "code",
    "id_token", "key", "password", "refresh_token", "secret", "sig", "signature", "subscription-key", "token",
    "x-amz-credential", "x-amz-security-token", "x-amz-signature", "x-api-key", "x-goog-signature",
)  # fmt: skip
_NAMES_IN_TEXT = (
    "access-key", "access-token", "access_key", "access_token", "accountkey", "api-key", "api_key", "apikey",
    "auth-token", "auth_token", "authorization", "passwd", "password", "secret", "sharedaccesskey",
    "sharedaccesssignature",
)  # fmt: skip
_SHORTEST = len("://:x@")
"""Characters of the shortest text that can contain a secret."""


def _one_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, words))})"


_ASSIGNED = r"""\\{0,8}["']?\s{0,8}[:=]\s{0,8}\\{0,8}["']?(?:basic\s+|token\s+)?"""


class _Look(NamedTuple):
    kind: str
    needles: tuple[str, ...]
    """A text without any of these need not be searched."""
    pattern: re.Pattern[str]
    """Its first group, if it has one, is the secret."""
    folds: bool = False
    """Whether the pattern takes any case; the needles are in lower case then."""


_KEY_LENGTH = 19
"""Characters of the shortest API key: the shortest lead, and the 16 at least that its pattern wants behind it."""
_has_digit = re.compile(r"\d").search
_LOOKS = tuple(
    _Look(kind, needles, re.compile(pattern), pattern.startswith("(?i)"))
    for kind, needles, pattern in (
        # A digit tells a token from words: `Bearer authentication`, `sk-learn-contrib-package`.
        ("bearer token", ("bearer",), r"(?i)\bbearer\s{1,8}((?=[a-z._~+/=-]{0,400}+\d)[\w.~+/=-]{12,}+)"),
        ("API key", _LEADS, rf"(?<![A-Za-z0-9]){_one_of(_LEADS)}(?=[A-Za-z_.=~/+-]{{0,200}}+\d)[\w.=~/+-]{{16,}}+"),
        ("AWS access key", ("AKIA", "ASIA", "ABIA", "ACCA", "A3T"), r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
        (
            "JSON web token",  # signed or not, or encrypted (RFC 7515, 7516)
            ("eyJ",),
            r"(?:(?<![A-Za-z0-9_-])|(?<=%20)|(?<=%3[ADad]))eyJ[\w-]{10,}+\.(?:[\w-]*+\.){1,3}[\w-]*+(?<=[\w-]{10}|[\w-]{9}\.)",
        ),
        (
            "private key",  # up to its end marker, or to the end of the JSON string around it
            ("PRIVATE KEY",),
            r"""-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^"\\-]|\\[^"]|-(?!----(?:END|BEGIN) ))*+(?:-----END [A-Z0-9 ]{0,40}-----)?""",  # noqa: E501
        ),
        ("Azure client secret", ("Q~",), r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~.-])"),
        ("Slack webhook", ("hooks.slack.com",), r"hooks\.slack\.com/(?:services|workflows|triggers)/([\w/+-]{16,}+)"),
        ("Discord webhook", ("/api/webhooks/",), r"/api/webhooks/(\d{15,}+/[\w-]{30,}+)"),
        ("Teams webhook", ("/IncomingWebhook/",), r"/IncomingWebhook/([0-9a-f]{16,}+/[\w-]{16,}+)"),
        ("Telegram bot token", (":AA",), r"(?<!\d)\d{8,10}:AA[\w-]{32,35}(?![\w-])"),
        ("Discord bot token", (".",), r"(?<![\w.-])[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,45}(?![\w.-])"),
        ("Twilio key", ("SK",), r"(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])"),
        ("1Password secret key", ("A3-",), r"(?<![A-Za-z0-9])A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,5}"),
        ("Terraform token", (".atlasv1.",), r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{32,}+"),
        ("Airtable token", ("pat",), r"(?<![A-Za-z0-9])pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
        ("MaxMind key", ("_mmk",), r"(?<![A-Za-z0-9])[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
        (
            "environment variable",
            ("KEY=", "TOKEN=", "SECRET=", "PASSWORD=", "PASSWD="),
            r"""(?<![A-Za-z0-9_])[A-Z][A-Z0-9_]{0,60}(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)=["']?([^\s"'&;$<>{}*`\\]{6,}+)""",
        ),
        ("password in a URL", ("://",), r"""://[^\s:/@"'\\]{0,256}+:([^\s:/@"'\\]{1,1024}+)@"""),
        ("token in a URL", ("=",), rf"""(?i)[?&]{_one_of(_PARAMETERS)}=([^\s&"'\\]{{8,}}+)"""),
        (
            "named secret",
            _NAMES_IN_TEXT,
            rf"""(?i){_one_of(_NAMES_IN_TEXT)}{_ASSIGNED}((?=[^\s"'\\,;&\d]{{0,400}}+\d)[^\s"'\\,;&]{{16,}}+)""",
        ),
    )
)


class Secret(NamedTuple):
    """Something in a text that looks like a secret."""

    start: int
    """Where it begins in the text, and `end` where it ends: characters."""
    end: int
    kind: str
    """`API key`, `bearer token` and the like."""


def find_secrets(text: str, *, masks: bool = False) -> list[Secret]:
    """What looks like a secret in any text (a body, a frame, a message), in order, not overlapping.

    Masks are skipped unless `masks` asks for them. This is the one scanner: it masks requests and flags responses and
    exports. RecordingError if the user's own patterns cannot be read.
    """
    if len(text) < _SHORTEST and not own_patterns():
        return []
    separate: list[Secret] = []
    for secret in sorted(_matches(text), key=lambda secret: (secret.start, -secret.end)):
        if not masks and is_mask(text[secret.start : secret.end]):
            continue
        if separate and secret.start < separate[-1].end:
            separate[-1] = separate[-1]._replace(end=max(secret.end, separate[-1].end))
        else:
            separate.append(secret)
    return separate


def _matches(text: str) -> Iterator[Secret]:
    folded = text.lower()
    # The many leads are looked for in few words: a key is long, and has a digit and neither a space nor a quote in it.
    words = [word for word in text.replace('"', " ").split() if len(word) >= _KEY_LENGTH and _has_digit(word)]
    candidates = " ".join(words)
    for look in (*_LOOKS, *own_patterns()):
        place = candidates if look.needles is _LEADS else folded if look.folds else text
        if any(map(place.__contains__, look.needles)):
            for match in look.pattern.finditer(text):
                start, end = match.span(min(look.pattern.groups, 1))
                if start < end:  # a user's pattern may match the empty string
                    yield Secret(start, end, look.kind)


def own_patterns() -> tuple[_Look, ...]:
    """The patterns of RESPONSES_TAP_SECRETS; RecordingError where one of them isn't a regular expression."""
    return _compiled(os.environ.get(OWN_PATTERNS, ""))


@cache
def _compiled(lines: str) -> tuple[_Look, ...]:
    try:
        return tuple(_Look("own pattern", ("",), re.compile(line)) for line in lines.splitlines() if line.strip())
    except re.error as error:
        raise RecordingError(f"{OWN_PATTERNS}: invalid regular expression {error.pattern!r} ({error})") from error
