"""What is exported: a report that a maintainer can act on, a complete trace, the bare body."""

import base64
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlite_utils import Database
from tests.conftest import RECORDINGS

from responses_tap import RULES_VERSION
from responses_tap.protocol.rules import RULES
from responses_tap.store import open_recording
from responses_tap.store.migrations import migrations
from responses_tap.store.writer import Writer
from responses_tap_viewer.actions.exporting import export as write_export
from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.cli import main
from responses_tap_viewer.reports.export_formats import FORMATS
from responses_tap_viewer.streams import find_stream

SEED = str(RECORDINGS / "broken/llamastack-before-pr5308.sse")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's recording: stream 2 is the seed, 6 was cut."""
    db = tmp_path_factory.mktemp("export") / "demo.db"
    record_samples(db)
    return db


def export(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["export", *arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_the_bug_report_has_what_a_maintainer_needs(recording: Path) -> None:
    report = export(f"{recording}#2")
    assert report.startswith("# Missing `response.output_item.added` before `response.content_part.added` (NS201)\n")
    assert "`POST http://127.0.0.1" in report
    assert "state completed" in report
    assert "### `response.output_text.done` is never sent (MD301)\n" in report
    assert "✖ MD301 text-done-missing (error, event 8): " in report
    for code in ("NS201", "NS205", "MD301"):
        page = RULES[code].page()
        assert page.source in re.sub(r"\[([^\]]+)\]\(http[^)]+\)", r"\1", report)
        assert page.fix in report
    assert "[section 'Items are streamable'](https://www.openresponses.org/specification#:~:text=Items" in report
    assert "response.reasoning_text.delta  [0.1] × 2" in report
    assert "|\ncurl -gsSN " in report
    assert "  --url http://127.0.0.1" in report
    assert '"stream": true' in report


@pytest.mark.parametrize("format_", ["md", "html"])
def test_a_report_says_that_it_is_redacted(recording: Path, format_: str) -> None:
    told = "letters stand for what user and model wrote, also in the request"
    whole, redacted = (export(f"{recording}#2", "--format", format_, *more) for more in ((), ("--redact-text",)))
    assert (told in whole, told in redacted) == (False, True)


def test_a_report_fits_an_issue_and_its_fences_hold(tmp_path: Path) -> None:
    events = (RECORDINGS / "clean/text.sse").read_text().replace("Hello", "```\\n# not a heading")
    long = tmp_path / "long.sse"
    call = '"type":"function_call","name":"f","call_id":"c","arguments":""'
    added = "".join(
        "event: response.output_item.added\n"
        f'data: {{"type":"response.output_item.added","output_index":{n},"item":{{"id":"{"x" * 150}{n}",{call}}}}}\n\n'
        for n in range(1, 400)
    )
    long.write_text(events.replace("event: response.completed", f"{added}event: response.completed"))
    report = export(str(long))
    assert 50_000 < len(report) <= 65_536
    assert "rows left out" in report
    assert "more findings</summary>" in report
    assert "findings in short</summary>" in report
    assert "\n````text\n" in report
    assert report.count("<details>") == report.count("</details>") > 2
    assert report.count("\n```") % 2 == 0


def test_what_is_cut_from_a_timeline_is_far_from_the_findings(tmp_path: Path) -> None:
    events = Path(SEED).read_text()
    long = tmp_path / "long.sse"
    ping = ": keep-alive\n\n" * 5000
    long.write_text(events.replace("event: response.content_part.done", f"{ping}event: response.content_part.done", 1))
    report = export(str(long))
    assert len(report) <= 65_536
    assert "✖ MD301 text-done-missing: output_text part" in report
    assert "response.created  resp_1" in report
    assert re.search(r"… \d{4} rows left out", report)


def test_a_bundle_fits_an_issue_too(recording: Path) -> None:
    names = [f"{recording}#{n}" for n in (1, 2, 3, 4, 5, 6, 2)]
    report = export(*names)
    assert len(report) <= 65_536
    assert report.count("\n## Timeline\n") == 7
    assert report.count("MD301 text-done-missing (error, event 8)") == 2


def test_a_large_request_is_shown_in_part_and_sent_from_a_file(recording: Path) -> None:
    stream = find_stream(f"{recording}#2")
    assert stream.row is not None
    row = replace(stream.row, request_body=json.dumps({"input": "very long " * 20_000, "stream": True}))
    report = write_export([replace(stream, row=row)], FORMATS["md"]).decode()
    assert len(report) <= 65_536
    assert "--data-binary @request.json > stream.sse" in report
    assert "characters)" in report


def test_the_body_is_exported_byte_for_byte(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "seed.sse"
    export(f"{recording}#2", "--format", "sse", "-o", str(out))
    assert out.read_bytes() == Path(SEED).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["seed.sse"]


def test_the_trace_holds_every_frame_time_and_finding(recording: Path) -> None:
    trace = json.loads(export(f"{recording}#2", "--format", "json"))
    assert (trace["format"], trace["version"]) == ("responses-tap trace", 1)
    (stream,) = trace["streams"]
    assert "".join(frame["raw"] for frame in stream["frames"]).encode() == Path(SEED).read_bytes()
    times = [frame["at_ns"] for frame in stream["frames"]]
    assert times == sorted(times)
    assert stream["request"]["body"]["stream"] is True
    assert [finding["code"] for finding in stream["findings"]] == ["NS201", "NS205", "MD301"]


def test_bytes_that_are_not_text_survive_in_a_trace() -> None:
    sample = RECORDINGS / "broken/TR905-not-utf8.sse"
    (stream,) = json.loads(export(str(sample), "--format", "json"))["streams"]
    joined = b"".join(
        frame["raw"].encode() if "raw" in frame else base64.b64decode(frame["raw_base64"]) for frame in stream["frames"]
    )
    assert joined == sample.read_bytes()


def test_several_streams_go_into_one_report_but_not_into_one_body(recording: Path) -> None:
    assert export(f"{recording}#1", f"{recording}#2").count("\n## Timeline\n") == 2
    result = CliRunner().invoke(main, ["export", f"{recording}#1", f"{recording}#2", "--format", "sse"])
    assert result.exit_code == 2
    assert "export them one by one" in result.stderr


def test_a_file_that_cannot_be_written_is_one_line(recording: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["export", f"{recording}#1", "-o", str(tmp_path / "no" / "folder.md")])
    assert result.exit_code == 2
    assert "folder.md cannot be written (No such file or directory)" in result.stderr


def test_an_existing_file_is_kept_unless_it_is_to_be_overwritten(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.md"
    export(f"{recording}#1", "-o", str(out))
    first = out.read_text()
    result = CliRunner().invoke(main, ["export", f"{recording}#2", "-o", str(out)])
    assert result.exit_code == 2
    assert "report.md already exists; use --force to overwrite" in result.stderr
    assert out.read_text() == first
    link = tmp_path / "link.md"
    link.symlink_to(out)
    export(f"{recording}#2", "-o", str(link), "--force")
    assert link.is_symlink()
    assert out.read_text() == export(f"{recording}#2", "-o", "-")
    result = CliRunner().invoke(main, ["export", f"{recording}#2", "-o", str(tmp_path)])
    assert f"{tmp_path} is not a writable file" in result.stderr


def test_a_disk_that_fills_up_leaves_nothing_behind(tmp_path: Path) -> None:
    # -B: Python would put the cut bytecode of what it imports where all other tests find it.
    command = f"{shlex.quote(sys.executable)} -B -m responses_tap_viewer export {shlex.quote(SEED)}"
    out = tmp_path / "a" / "trace.json"
    out.parent.mkdir()
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 1; {command} --format json -o {out}"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == f"responses-tap: {out} cannot be written (File too large)\n"
    assert list(out.parent.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_output_is_one_line_and_the_device_stays(recording: Path) -> None:
    command = [sys.executable, "-m", "responses_tap_viewer", "export", f"{recording}#2"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "responses-tap: the output cannot be written (No space left on device)\n",
    )
    result = CliRunner().invoke(main, ["export", f"{recording}#2", "-o", "/dev/full"])
    assert "/dev/full cannot be written (No space left on device)" in result.stderr
    assert Path("/dev/full").is_char_device()


def test_list_and_show_read_the_recording(recording: Path) -> None:
    listed = json.loads(CliRunner().invoke(main, ["list", str(recording), "--format", "json"]).stdout)
    assert list(listed[0]) == [
        "id", "started_at", "model", "route", "status", "state", "ended_by", "response_id", "events", "input_tokens",
        "output_tokens", "previous_response_id", "conversation", "turn", "follows", "prompt", "tools", "turns", "error",
        "warning", "note", "first_code",
    ]  # fmt: skip
    assert [row["first_code"] for row in listed] == [None, "NS201", "NS201", None, "NS201", "LC103"]
    assert listed[5]["state"] == "truncated"
    shown = CliRunner().invoke(main, ["show", f"{recording}#2"]).stdout
    assert "response.output_text.done  [0.0] (missing)" in shown
    by_default = CliRunner(env={"RESPONSES_TAP_DB": str(recording)}).invoke(main, ["show", "2"]).stdout
    assert by_default == shown


def test_checking_a_recording_agrees_with_what_was_found_live(recording: Path) -> None:
    checked = json.loads(CliRunner().invoke(main, ["check", str(recording), "--format", "json"]).stdout)
    found = {(s["id"], f["code"], f["position"], f["message"]) for s in checked["streams"] for f in s["findings"]}
    with open_db(recording) as connection:
        stored = set(connection.execute("SELECT stream, code, position, message FROM findings"))
    assert {(id_, code, position) for id_, code, position, _ in found} == {row[:3] for row in stored}


def open_db(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path))


def test_a_missing_stream_is_one_line(recording: Path) -> None:
    result = CliRunner().invoke(main, ["show", f"{recording}#99"])
    assert result.exit_code == 2
    assert "has no stream 99" in result.stderr


def test_recheck_renews_findings_and_changes_no_fact(recording: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    shutil.copy(recording, old)
    with open_db(old) as connection:
        before = connection.execute("SELECT * FROM events ORDER BY stream, n").fetchall()
        connection.execute("DELETE FROM findings WHERE code = 'MD301'")
        connection.execute("UPDATE verdicts SET rules = '2020-01'")
        connection.commit()
    result = CliRunner().invoke(main, ["recheck", str(old)])
    assert result.exit_code == 0, result.stderr
    assert "stream 2: NS201, NS205 → MD301, NS201, NS205" in result.stdout
    assert "Rechecked 6 streams" in result.stdout
    with open_db(old) as connection:
        assert connection.execute("SELECT * FROM events ORDER BY stream, n").fetchall() == before
        stored = set(connection.execute("SELECT stream, code, position, message, count FROM findings"))
        assert connection.execute("SELECT DISTINCT rules FROM verdicts").fetchall() == [(RULES_VERSION,)]
    with open_db(recording) as connection:
        assert stored == set(connection.execute("SELECT stream, code, position, message, count FROM findings"))


def test_findings_of_an_older_version_name_no_fields_until_they_are_rechecked(recording: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with open_db(old) as connection:
        migrations.apply(Database(connection), stop_before="m009_finding_fields")
        connection.execute("ATTACH ? AS new", (str(recording),))
        for table in ("streams", "events", "findings", "verdicts"):
            columns = connection.execute("SELECT name FROM pragma_table_info(?, 'main')", (table,))
            names = ", ".join(name for (name,) in columns)
            connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
        connection.commit()

    def named() -> set[tuple[str, ...]]:
        with open_recording(old) as opened:
            return {finding.fields for finding in opened.findings(2)}

    assert named() == {()}
    Writer(old).close()
    assert named() == {()}
    assert CliRunner().invoke(main, ["recheck", str(old)]).exit_code == 0
    assert named() == {("output_index",), ("part.type",), ()}


HAR_FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "entry": {"startedDateTime": str, "time": (int, float), "request": dict, "response": dict, "cache": dict},
    "request": {
        "method": str, "url": str, "httpVersion": str, "cookies": list, "headers": list, "queryString": list,
        "headersSize": int, "bodySize": int,
    },
    "response": {
        "status": int, "statusText": str, "httpVersion": str, "cookies": list, "headers": list, "content": dict,
        "redirectURL": str, "headersSize": int, "bodySize": int,
    },
    "content": {"size": int, "mimeType": str, "text": str},
    "timings": {"send": (int, float), "wait": (int, float), "receive": (int, float)},
}  # fmt: skip
"""What HAR 1.2 requires of each object."""


def test_a_har_has_what_har_1_2_demands(recording: Path) -> None:
    log = json.loads(export(*(f"{recording}#{n}" for n in (1, 2, 6)), SEED, "--format", "har"))["log"]
    assert (log["version"], set(log["creator"])) == ("1.2", {"name", "version"})
    assert len(log["entries"]) == 4
    for entry in log["entries"]:
        parts = {"entry": entry, "content": entry["response"]["content"]} | entry
        for name, fields in HAR_FIELDS.items():
            for field, type_ in fields.items():
                assert isinstance(parts[name][field], type_), (name, field)
        assert abs(sum(entry["timings"].values()) - entry["time"]) < 1e-6
        assert all(set(header) == {"name", "value"} for header in entry["response"]["headers"])
    assert "error MD301 text-done-missing at 8" in log["entries"][1]["comment"]


def test_mitmproxy_reads_the_har(recording: Path, tmp_path: Path) -> None:
    from mitmproxy.http import HTTPFlow
    from mitmproxy.io import FlowReader

    har = tmp_path / "a.har"
    umlauts = tmp_path / "umlauts.sse"
    umlauts.write_bytes((RECORDINGS / "clean/text.sse").read_bytes().replace(b"Hello", "Grüße".encode()))
    export(f"{recording}#2", str(umlauts), "--format", "har", "-o", str(har))
    with har.open("rb") as file:
        first, second = (flow for flow in FlowReader(file).stream() if isinstance(flow, HTTPFlow))
    assert first.response is not None
    assert first.response.content == Path(SEED).read_bytes()
    assert first.request.method == "POST"
    assert json.loads(first.request.content or b"")["stream"] is True
    assert second.response is not None
    assert second.response.content == umlauts.read_bytes()


def test_a_har_whose_body_was_changed_is_named(recording: Path, tmp_path: Path) -> None:
    har = tmp_path / "a.har"
    har.write_text(export(f"{recording}#2", "--format", "har").replace("\\n\\nevent:", "\\n\\n: x\\n\\nevent:", 1))
    result = CliRunner().invoke(main, ["check", str(har)])
    assert result.exit_code == 2
    assert "entry 0 is damaged: its body has 14 frames, _responses_tap times for 13" in result.stderr


def test_the_heads_in_a_file_are_shown_and_exported(tmp_path: Path) -> None:
    file = tmp_path / "curl.txt"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nserver: uvicorn\r\nset-cookie: s=planted\r\n\r\n"
    file.write_bytes(b"> POST /v1/responses HTTP/1.1\r\n> Host: ogx\r\n> \r\n" + head + Path(SEED).read_bytes())
    shown = CliRunner().invoke(main, ["show", str(file)]).stdout
    assert "POST https://ogx/v1/responses" in shown
    assert "HTTP 200" in shown
    (stream,) = json.loads(export(str(file), "--format", "json"))["streams"]
    assert ["server", "uvicorn"] in stream["response"]["headers"]
    assert "planted" not in str(stream)
