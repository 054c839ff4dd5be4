"""What looks like personal data, and that it leaves only on request."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.conftest import BROKEN, CLEAN, body

from responses_tap.privacy.personal import find_personal
from responses_tap_viewer.cli import main
from responses_tap_viewer.reports.export_formats import FORMATS

KEY = "sk-proj-abc0123456789abcdefghij"
SAID = "Bob, bob@acme.test, pays with 4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("write to bob.o'neil+x@mail.acme.co.uk.", "e-mail", "neil+x@mail.acme.co.uk"),
        ("card=4242424242424242;", "card number", "4242424242424242"),
        ("3782-822463-10005", "card number", "3782-822463-10005"),
        ("(6011 0009 9013 9424)", "card number", "6011 0009 9013 9424"),
        ("DE89 3704 0044 0532 0130 00", "IBAN", "DE89 3704 0044 0532 0130 00"),
        ("to GB82WEST12345698765432", "IBAN", "GB82WEST12345698765432"),
        ("call +49 30 901820 now", "phone number", "+49 30 901820"),
        ("+1 (415) 555-2671", "phone number", "+1 (415) 555-2671"),
    ],
)
def test_personal_data_is_found(text: str, kind: str, found: str) -> None:
    assert [(one.kind, text[one.start : one.end]) for one in find_personal(text)] == [(kind, found)]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112", "9999999999999995", "0.4111111111111111", "msg_4111111111111111", "1733000000123456",
        "DE89 3704 0044 0532 0130 01", "XX89370400440532013000", "git@github.com:a/b", "a @ b.de", "@acme.test",
        "2026-01-01T00:00:00+01:00", "12 +34567 = 89", "x+4915112345678", "+0123456789", "-0.7654321098765432",
        "iVBORw0KGgo4111111111111111AAAA+49301234567/bob", "call_4242424242424242", "-4242424242424242-x",
    ],
)  # fmt: skip
def test_what_only_resembles_it_is_not(text: str) -> None:
    assert find_personal(text) == []


@pytest.mark.parametrize("sample", [*CLEAN, *BROKEN], ids=lambda sample: sample.stem)
def test_no_sample_has_any(sample: Path) -> None:
    assert find_personal(sample.read_bytes().decode(errors="replace")) == []


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """A text in pieces, none of which is personal by itself, and again as a whole."""
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    delta = {"type": "response.output_text.delta", **place}
    done = {"type": "response.output_text.done", **place, "text": SAID}
    file = tmp_path / "a.sse"
    file.write_bytes(
        body(delta | {"delta": SAID[:8]}, delta | {"delta": SAID[8:38]}, delta | {"delta": SAID[38:]}, done)
    )
    return file


def run(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["export", str(path), *arguments])


@pytest.mark.parametrize("format_", [name for name in FORMATS if name not in {"curl", "pytest", "otlp"}])
def test_it_leaves_only_on_request(said: Path, format_: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused = run(said, "--format", format_, "-o", str(out))
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"responses-tap: {said} has likely personal data (")
    assert ") in event 3 (response.output_text.done); --redact-text replaces texts, " in refused.stderr
    assert refused.stderr.endswith("--structure-only keeps none, --allow-text exports it as it is\n")
    assert len(refused.stderr.splitlines()) == 1
    assert not out.exists()
    allowed = run(said, "--format", format_, "--allow-text")
    assert allowed.exit_code == 0
    assert allowed.stderr == (
        "responses-tap: credentials masked: 0; user and model text, unredacted: 49 characters; likely personal data: "
        "1 card number, 1 e-mail\n"
    )
    for amount in ("--redact-text", "--structure-only"):
        left = run(said, "--format", format_, amount)
        assert left.exit_code == 0
        assert left.stderr.endswith("; no likely personal data\n")
        assert "acme" not in left.stdout


def test_deltas_are_examined_as_the_text_they_form(said: Path) -> None:
    said.write_bytes(b"".join(said.read_bytes().partition(b"event: response.output_text.done")[:1]))
    assert "in the text of the response.output_text.delta events; " in run(said).stderr


def test_an_escape_hides_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(body({"type": "response.queued", "x": SAID}).replace(b"@", rb"\u0040").replace(b"4111 ", b""))
    assert "personal data (e-mail) in event 0 (response.queued); " in run(file).stderr


def test_credentials_do_not_leave_with_the_text(said: Path) -> None:
    said.write_bytes(said.read_bytes() + body({"type": "response.queued", "x": KEY}))
    assert "--mask-secrets masks it" in run(said, "--allow-text").stderr
    masked = run(said, "--allow-text", "--mask-secrets", "--format", "sse")
    assert masked.exit_code == 0
    assert "credentials masked: 1; " in masked.stderr
    assert KEY not in masked.stdout


def test_the_request_is_examined_too(tmp_path: Path) -> None:
    for place, change in (
        ("the request body", {"postData": {"text": json.dumps({"input": "to bob\u0040acme.test"})}}),
        ("the URL", {"url": "https://h/v1/responses?model=bob@acme.test"}),
        ("the request header User-Agent", {"headers": [{"name": "User-Agent", "value": "bob@acme.test"}]}),
    ):
        request = {"method": "POST", "url": "https://h/v1/responses", "headers": []} | change
        content = {"mimeType": "text/event-stream", "text": CLEAN[0].read_text()}
        entry = {"startedDateTime": "2026-01-01T00:00:00Z", "request": request,
                 "response": {"status": 200, "headers": [], "content": content}}  # fmt: skip
        file = tmp_path / "a.har"
        file.write_text(json.dumps({"log": {"entries": [entry]}}))
        assert f"has likely personal data (e-mail) in {place}; " in run(file).stderr
        assert run(file, "--structure-only").exit_code == 0
