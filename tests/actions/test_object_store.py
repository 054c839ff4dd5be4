"""An object store that works, and one that refuses: S3, by a server on loopback."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS

from responses_tap_viewer.cli import main

pytest.importorskip("s3fs")
moto = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

BROKEN = RECORDINGS / "broken/MD301-text-done-missing.sse"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3fs.S3FileSystem]:
    """A store with a bucket `fleet`, where the environment says."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    # The buckets belong to the process, not to the server.
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    s3fs.S3FileSystem.clear_instance_cache()
    fs = s3fs.S3FileSystem()
    fs.mkdir("fleet")
    yield fs
    server.stop()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    db = tmp_path / "tap.db"
    assert CliRunner().invoke(main, ["import", "--db", str(db), str(BROKEN)]).exit_code == 0
    return db


def export(recording: Path, url: str, *options: str) -> Result:
    arguments = [f"{recording}#1", "--format", "parquet", "--with-events", "--allow-text", "-o", url, *options]
    return CliRunner().invoke(main, ["export", *arguments])


def test_a_dataset_in_a_bucket_is_written_once_and_checked(store: s3fs.S3FileSystem, recording: Path) -> None:
    assert "Added 1 stream to s3://fleet/set" in export(recording, "s3://fleet/set").stderr
    assert "Added 0 streams" in export(recording, "s3://fleet/set").stderr
    names = [name.rpartition("/")[2] for name in store.find("fleet/set")]
    assert len(names) == 4
    assert not [name for name in names if name.endswith(".part")]
    done = CliRunner().invoke(main, ["check", "s3://fleet/set", "--format", "json"])
    assert [f["code"] for stream in json.loads(done.stdout)["streams"] for f in stream["findings"]] == ["MD301"]


def test_a_bucket_that_is_not_there_is_not_made(store: s3fs.S3FileSystem, recording: Path) -> None:
    done = export(recording, "s3://elsewhere/set")
    assert (done.exit_code, "can't be written to" in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
    assert store.ls("") == ["fleet"]
    checked = CliRunner().invoke(main, ["check", "s3://elsewhere/set"])
    assert (checked.exit_code, "cannot be read" in checked.stderr) == (2, True)


def test_a_store_that_refuses_is_one_line(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")  # nobody listens
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    done = export(recording, "s3://fleet/set")
    assert (done.exit_code, "can't be written to" in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
