"""Which streams are turns of one conversation, whatever way the client has of saying it: with real clients."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from sqlite_utils import Database
from tests.crafting import unguarded
from tests.mitm.test_websocket import cli
from tests.right_server import MODEL, RightServer
from tests.upstream import ended, rows
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from responses_tap.mitm.proxy import Proxy
from responses_tap.store import open_recording
from responses_tap.store.migrations import migrations
from responses_tap.store.writer import Writer
from responses_tap.stream.columns import StreamRow

WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
PROMPT = "What is the weather?"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@contextmanager
def client_of(db: Path, defect: str = "") -> Iterator[openai.OpenAI]:
    with (
        RightServer(defect) as server,
        Proxy(db, upstream=server.url, on_notice=[].append) as proxy,
        openai.OpenAI(api_key="k", base_url=proxy.base_url, max_retries=0) as client,
    ):
        yield client


class Agent:
    """An agent over several turns: each time it sends what it has, and takes the answer as openai-python gives it."""

    def __init__(self, client: openai.OpenAI, *, stateless: bool = True, **options: Any) -> None:
        self.client = client
        self.stateless = stateless
        self.options = options
        self.history: list[Any] = []
        self.previous: str | None = None

    def say(self, text: str) -> None:
        self.ask({"role": "user", "content": text})

    def bring(self, result: str) -> None:
        calls = [item for item in self.output if item.type == "function_call"]
        self.ask(*({"type": "function_call_output", "call_id": call.call_id, "output": result} for call in calls))

    def ask(self, *items: Any) -> None:
        self.history += items
        given = {"input": self.history} if self.stateless else {"input": list(items)}
        if not self.stateless and self.previous:
            given["previous_response_id"] = self.previous
        events = list(self.client.responses.create(model=MODEL, stream=True, tools=[WEATHER], **given, **self.options))
        response = events[-1].response
        self.previous, self.output = response.id, response.output
        self.history += self.sent_back()

    def sent_back(self) -> list[Any]:
        return [item.model_dump(exclude_none=True) for item in self.output]

    def four_turns(self) -> Iterator[None]:
        self.say(PROMPT)
        yield
        self.bring("18 °C")
        yield
        self.say("Thanks")
        yield
        self.say("Bye")
        yield


class Plain(Agent):
    """It keeps only texts, as many agents do, and writes them in another way than the server."""

    def sent_back(self) -> list[Any]:
        kept: list[Any] = []
        for item in self.output:
            if item.type == "message":
                kept.append({"role": "assistant", "content": "".join(part.text for part in item.content)})
            elif item.type == "function_call":
                arguments = json.dumps(json.loads(item.arguments), indent=1)
                kept.append(
                    {"type": "function_call", "call_id": item.call_id, "name": item.name, "arguments": arguments}
                )
        return kept


def turns(rows: list[StreamRow]) -> list[tuple[object, ...]]:
    return [(row.conversation, row.turn, row.turns, row.follows) for row in rows]


ONE_RUN = [("1", 1, 4, None), ("1", 2, 4, 1), ("1", 3, 4, 2), ("1", 4, 4, 3)]


@pytest.mark.parametrize("stateless", [True, False], ids=["stateless", "previous_response_id"])
@pytest.mark.parametrize("kind", [Agent, Plain])
def test_four_turns_are_one_conversation(db: Path, kind: type[Agent], *, stateless: bool) -> None:
    with client_of(db) as client:
        for _ in kind(client, stateless=stateless).four_turns():
            pass
        recorded = ended(db, 4)
    assert turns(recorded) == ONE_RUN
    assert [row.prompt for row in recorded] == [PROMPT, "get_weather → 18 °C", "Thanks", "Bye"]
    assert [row.tools for row in recorded] == ["get_weather", None, None, None]
    assert [row.previous_response_id is None for row in recorded] == [True] * 4 if stateless else [True, *[False] * 3]
    with open_recording(db) as recording:
        (call,), (result,) = recording.calls(1), recording.calls(2)
    assert call == result
    assert (call.stream, call.tool, call.result) == (1, "get_weather", 2)
    assert "turn 2 of 4, after stream 1" in cli("show", f"{db}#2")


def test_nothing_leads_to_a_stream_that_was_deleted(db: Path) -> None:
    with client_of(db) as client:
        for _ in Agent(client).four_turns():
            pass
        ended(db, 4)
    writer = Writer(db)
    writer.remove_streams([2])
    writer.close()
    assert [(row.id, row.follows) for row in rows(db)] == [(1, None), (3, None), (4, 3)]
    with open_recording(db) as recording:
        (call,) = recording.calls(1)
    assert (call.tool, call.result) == ("get_weather", None)
    assert "stream 2" not in cli("show", f"{db}#1") + cli("show", f"{db}#3")


@pytest.mark.parametrize("stateless", [True, False], ids=["stateless", "previous_response_id"])
@pytest.mark.parametrize("kind", [Agent, Plain])
def test_two_runs_side_by_side_are_told_apart(db: Path, kind: type[Agent], *, stateless: bool) -> None:
    """They ask the same, and get the same texts; the calls have ids of their own."""
    with client_of(db) as client:
        runs = [kind(client, stateless=stateless) for _ in range(2)]
        for _ in zip(*(run.four_turns() for run in runs), strict=True):
            pass
        recorded = ended(db, 8)
    assert [row.conversation for row in recorded] == ["1", "2"] * 4
    assert [row.turn for row in recorded] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert [row.follows for row in recorded] == [None, None, 1, 2, 3, 4, 5, 6]


def test_runs_that_differ_in_nothing_but_ids_are_told_apart_by_them(db: Path) -> None:
    with client_of(db) as client:
        runs = [Agent(client) for _ in range(3)]
        for run in (*runs, *reversed(runs), runs[1]):
            run.say("Hi")
        recorded = ended(db, 7)
    assert [row.conversation for row in recorded] == ["1", "2", "3", "3", "2", "1", "2"]


def test_codex_names_its_threads_in_a_header(db: Path) -> None:
    with client_of(db) as client:
        for thread in ("t-1", "t-2", "t-1", "t-1"):
            headers = {"session-id": "s", "thread-id": thread}
            list(client.responses.create(model=MODEL, stream=True, input="Hi", extra_headers=headers))
        list(client.responses.create(model=MODEL, stream=True, input="Hi", extra_headers={"session_id": "s-9"}))
        recorded = ended(db, 5)
    assert [(row.conversation, row.turn) for row in recorded] == [
        ("t-1", 1),
        ("t-2", 1),
        ("t-1", 2),
        ("t-1", 3),
        ("s-9", 1),
    ]


def test_handshakes_that_are_refused_belong_to_the_turn_that_comes_instead(db: Path) -> None:
    """As Codex does before each turn where a server has no WebSocket."""
    headers = {"thread-id": "t-1"}
    with client_of(db, "no-websocket") as client:
        url = f"{client.base_url}responses".replace("http", "ws", 1)
        for _ in range(2):
            for _ in range(3):
                with pytest.raises(InvalidStatus):
                    connect(url, additional_headers=headers)
            list(client.responses.create(model=MODEL, stream=True, input="Hi", extra_headers=headers))
        recorded = ended(db, 8)
    assert [(row.conversation, row.turn, row.turns) for row in recorded] == [("t-1", 1, 2)] * 4 + [("t-1", 2, 2)] * 4
    assert [row.follows for row in recorded] == [None] * 4 + [4] * 4


def test_the_api_names_conversations(db: Path) -> None:
    with client_of(db) as client:
        named = [client.conversations.create().id for _ in range(2)]
        for conversation in (named[0], named[1], named[0]):
            list(client.responses.create(model=MODEL, stream=True, input="Hi", conversation=conversation))
        recorded = ended(db, 3)
    assert turns(recorded) == [(named[0], 1, 2, None), (named[1], 1, 1, None), (named[0], 2, 2, 1)]


def test_secrets_neither_stand_in_a_prompt_nor_part_the_turns(db: Path, tmp_path: Path) -> None:
    secret = "sk-proj-T3BlbkFJabcdefghijklmnopqrstuvwxyz0123456789ABCD"
    with client_of(db) as client:
        agent = Agent(client)
        agent.say(f"My key is {secret}")
        agent.say(f"Repeat exactly: the key {secret} is mine")
        agent.say("Bye")
        assert secret in agent.history[3]["content"][0]["text"]
        recorded = ended(db, 3)
    assert turns(recorded) == [("1", n, 3, n - 1 or None) for n in (1, 2, 3)]
    assert (recorded[0].prompt or "").startswith("My key is masked")
    assert not [row for row in recorded if secret in (row.prompt or "")]
    assert "Rechecked 3 streams" in cli("recheck", str(db))  # by a process with another key for its masks
    assert turns(ended(db, 3)) == turns(recorded)


def test_recheck_links_what_an_older_recorder_left(db: Path) -> None:
    with client_of(db) as client:
        for stateless in (True, False):
            for _ in Agent(client, stateless=stateless).four_turns():
                pass
        before = ended(db, 8)
    with open_recording(db) as recording:
        calls = [recording.calls(row.id) for row in before]
    with unguarded(db) as connection:
        for name in ("previous_response_id", "conversation", "turn", "follows", "prompt", "tools"):
            connection.execute(f"UPDATE streams SET {name} = NULL")
        for table in ("output_items", "histories"):
            connection.execute(f"DELETE FROM {table}")
    assert not any(row.conversation for row in ended(db, 8))
    cli("recheck", str(db))
    assert ended(db, 8) == before
    with open_recording(db) as recording:
        assert [recording.calls(row.id) for row in before] == calls


def test_an_older_recording_is_brought_up_to_date_and_linked(db: Path, tmp_path: Path) -> None:
    with client_of(db) as client:
        for _ in Agent(client).four_turns():
            pass
        recorded = ended(db, 4)
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        migrations.apply(Database(connection), stop_before="m010_conversations")
        connection.execute("ATTACH ? AS new", (str(db),))
        for table in ("streams", "chunks", "events", "findings", "verdicts"):
            names = ", ".join(row[0] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,)))
            connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
    assert [(row.state, row.prompt, row.turns) for row in rows(old)] == [("completed", None, None)] * 4
    assert len(cli("list", str(old), "--by-conversation").splitlines()) == 8
    cli("recheck", str(old))
    assert rows(old) == recorded
    with closing(sqlite3.connect(old)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM pragma_table_info('streams')")]
        assert names.index("prompt") < names.index("request_body"), "what lists show is read without the bodies"
        assert connection.execute("SELECT turns FROM conversations").fetchall() == [(4,)]


@pytest.mark.parametrize("stateless", [True, False], ids=["stateless", "previous_response_id"])
def test_files_are_linked_too(db: Path, tmp_path: Path, *, stateless: bool) -> None:
    with client_of(db) as client:
        for _ in Agent(client, stateless=stateless).four_turns():
            pass
        ended(db, 4)
    har, imported = tmp_path / "a.har", tmp_path / "b.db"
    cli("export", *(f"{db}#{n}" for n in range(1, 5)), "--format", "har", "--allow-text", "-o", str(har))
    cli("import", str(har), "--db", str(imported))
    assert turns(rows(imported)) == ONE_RUN
