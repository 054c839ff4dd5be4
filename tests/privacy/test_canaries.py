"""A word or a number in every place of a stream: none leaves with its structure, and no text under `--redact-text`."""

import base64
import http.client
import json
import re
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner, Result
from tests.canaries import Canaries, events, har, stream
from tests.mitm.test_websocket import proxied
from tests.upstream import SSE_HEAD, Upstream, eventually, framed, rows
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection

from responses_tap.mitm.proxy import Proxy
from responses_tap.privacy.redaction import Redaction, redacted
from responses_tap_viewer.cli import main
from responses_tap_viewer.reports.export_formats import FORMATS
from responses_tap_viewer.streams import find_stream


def export(path: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["export", path, "--mask-secrets", *arguments])


def decoded(text: str) -> str:
    """What was exported, with its base64 decoded."""
    clear = (base64.b64decode(found).decode(errors="replace") for found in re.findall(r'"([\w+/]{64,}=*)"', text))
    return "\n".join((text, *clear))


def leaves_no_canary(path: str, canaries: Canaries, *, whole: str = "json") -> None:
    """Assert that no format of the structure has any, and that the whole stream does (or the test would be void)."""
    assert len(canaries.passed(export(path, "--format", whole, "--allow-text").stdout)) > len(canaries.planted) / 3
    for format_ in FORMATS:
        result = export(path, "--structure-only", "--format", format_)
        assert canaries.passed(decoded(result.stdout)) == set(), format_
        if format_ == "otlp" and "has no times" in result.stderr:
            continue
        assert result.exit_code == (2 if format_ in {"curl", "pytest"} else 0), result.stderr


def findings(path: str, content: Redaction) -> list[tuple[object, ...]]:
    return [(f.code, f.position, f.count, f.evidence, f.scope) for f in redacted(find_stream(path), content).findings]


def test_the_structure_of_a_har_has_none(tmp_path: Path) -> None:
    canaries = Canaries()
    file = tmp_path / f"{canaries.word()}.har"
    file.write_text(json.dumps(har(canaries)))
    leaves_no_canary(str(file), canaries)
    whole = [(f.code, f.position, f.count, f.evidence, f.scope) for f in find_stream(str(file)).findings]
    assert len(whole) > 10
    assert findings(str(file), Redaction.STRUCTURE) == findings(str(file), Redaction.NO_TEXT) == whole


def test_bytes_that_are_not_utf_8_do_not_leave_either(tmp_path: Path) -> None:
    canaries = Canaries()
    file = tmp_path / "a.sse"
    file.write_bytes(stream(canaries))
    leaves_no_canary(str(file), canaries, whole="sse")
    left = export(str(file), "--structure-only", "--format", "sse").stdout_bytes
    assert "Канарейка".encode("cp1251") in file.read_bytes()
    assert "Канарейка".encode("cp1251") not in left
    assert len(left) == file.stat().st_size


def test_the_structure_of_a_live_recording_has_none(tmp_path: Path) -> None:
    canaries, db = Canaries(), tmp_path / "r.db"
    body = stream(canaries)
    head = SSE_HEAD.removesuffix(b"\r\n") + f"server: {canaries.word()}\r\n{canaries.word()}: x\r\n\r\n".encode()
    with (
        Upstream(v1=lambda connection: connection.sendall(head + framed(body) + b"0\r\n\r\n")) as upstream,
        Proxy(db, upstream=upstream.url, on_notice=lambda _: None) as proxy,
        closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client,
    ):
        asked = {"model": canaries.word(), "input": canaries.word(), canaries.word(): canaries.number()}
        headers = {"User-Agent": canaries.word(), "traceparent": canaries.word(), canaries.word(): canaries.word()}
        client.request("POST", f"/v1/responses?api-version={canaries.word()}", json.dumps(asked), headers)
        assert client.getresponse().read() == body
    leaves_no_canary(f"{db}#1", canaries)


def test_the_structure_of_a_websocket_has_none(tmp_path: Path) -> None:
    canaries, db = Canaries(), tmp_path / "r.db"
    sent, lane = events(canaries), canaries.word()
    asked = {"type": "response.create", "model": canaries.word(), "input": canaries.word(), "stream_id": lane}

    def answers(connection: ServerConnection) -> None:
        connection.recv()
        for event in sent[:-1]:
            connection.send(json.dumps(event | {"stream_id": lane}))
        connection.send(f"no event {canaries.word()}")
        connection.close(1000, canaries.word())

    with proxied(db, answers) as proxy:
        url = f"ws://127.0.0.1:{proxy.port}/v1/responses"
        with connect(url, additional_headers={"originator": canaries.word()}) as client:
            client.send(json.dumps(asked))
            assert len(list(client)) == len(sent)  # until it is closed
        eventually(lambda: rows(db) and rows(db)[0].end_ns)
    leaves_no_canary(f"{db}#1", canaries)


def test_the_structure_of_a_response_without_a_stream_has_none(tmp_path: Path) -> None:
    for body in (
        '{{"error": {{"message": "{}", "code": "{}", "{}": [{}]}}}}',
        "<h1>{}</h1>\nevent: {}\n{}: {}\ndata: [DONE]",
    ):
        canaries = Canaries()
        document = har(canaries)
        response = document["log"]["entries"][0]["response"]
        words = [canaries.word(), canaries.word(), canaries.word(), canaries.number()]
        response |= {"status": 500, "headers": [{"name": "content-type", "value": f"text/html; {canaries.word()}"}]}
        response["content"] = {"mimeType": "text/html", "text": body.format(*words)}
        file = tmp_path / "a.har"
        file.write_text(json.dumps(document))
        for format_ in ("json", "har", "md", "html"):
            result = export(str(file), "--structure-only", "--format", format_)
            assert (result.exit_code, canaries.passed(result.stdout)) == (0, set()), (format_, result.stderr)


def test_dates_and_tokens_that_a_finding_depends_on_become_others_like_them(tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    for created, tokens, limit, codes in (
        (1_745_000_000, (12, 7, 19), 7, ["ST702"]),  # of April 2025, when nothing had a number
        (1_745_000_000, (12, 7, 20), 70, ["AG611"]),
        (1_780_000_000, (12, 7, 19), 70, ["SC802", "SC803"]),
    ):
        usage = dict(zip(("input_tokens", "output_tokens", "total_tokens"), tokens, strict=True))
        response = {"id": "resp_1", "created_at": created, "usage": usage, "max_output_tokens": limit}
        file.write_text(
            "".join(
                f"data: {json.dumps(event)}\n\n"
                for event in (
                    {"type": "response.created", "response": response},
                    {
                        "type": "response.output_text.delta",
                        "delta": "a",
                        "item_id": "i",
                        "output_index": 0,
                        "content_index": 0,
                    },
                    {"type": "response.completed", "response": response},
                )
            )
        )
        left = redacted(find_stream(str(file)), Redaction.STRUCTURE)
        found = {finding.code for finding in left.findings}
        assert found == {finding.code for finding in find_stream(str(file)).findings}
        assert found.issuperset(codes)
        assert not found.intersection({"ST702", "AG611", "SC802", "SC803"}.difference(codes))
        assert str(created).encode() not in left.body


def test_ids_are_numbered_and_still_agree(tmp_path: Path) -> None:
    canaries = Canaries()
    file = tmp_path / "a.sse"
    file.write_bytes(stream(canaries))
    left = redacted(find_stream(str(file)), Redaction.STRUCTURE).body.decode(errors="replace")
    assert '"id":"msg_00000000000001"' in left
    assert left.count('"item_id":"msg_00000000000001"') == 6


def test_redacted_no_text_leaves_but_names_do(tmp_path: Path) -> None:
    c = Canaries()
    document = har(c)
    file = tmp_path / "a.har"
    file.write_text(json.dumps(document))
    request = document["log"]["entries"][0]["request"]
    posted = json.loads(request["postData"]["text"])
    tool, mcp = posted["tools"][:2]
    texts = [
        posted["input"], *posted["metadata"].values(), tool["description"], *mcp["headers"].values(),
        next(header["value"] for header in request["headers"] if header["name"] == "X-Number"),
        request["url"].rpartition("#")[0].rpartition("=")[2], request["url"].rpartition("#")[2],
    ]  # fmt: skip
    names = [posted["model"], tool["name"], *tool["parameters"]["properties"], mcp["server_label"]]
    left = export(str(file), "--redact-text", "--format", "json").stdout
    assert [text for text in texts if text in left] == []
    assert [name for name in names if name not in left] == []
    words = " ".join(CliRunner().invoke(main, ["export", "--help"]).stdout.split())
    assert "names (of models, tools, parameters, members) stay" in words
