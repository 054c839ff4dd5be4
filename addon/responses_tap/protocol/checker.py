"""The checker: frames in, findings out, incrementally and in constant work an event.

It cuts a body into its responses. Each event passes the checks of its frame (frames.py), its fields (fields.py) and
its number (sequence.py), moves the response (response_states.py) and its tree of scopes (scope_tree.py) on, and then
meets the rules with a check of their own (rules/). The same object runs live in the recorder, on files and in a
server's tests.
"""

from collections.abc import Collection

from responses_tap.protocol.bodies import Eventless, Head, judge_broken, judge_eventless, judge_head
from responses_tap.protocol.events import Event, parse, untyped_error
from responses_tap.protocol.findings import Finding, order
from responses_tap.protocol.frames import FrameChecks
from responses_tap.protocol.judge import Judge, Ledger
from responses_tap.protocol.other_apis import api_of
from responses_tap.protocol.profiles import DEFAULT_PROFILE, PROFILES, Lack
from responses_tap.protocol.request_facts import NOTHING_KNOWN, RequestFacts
from responses_tap.protocol.response_objects import judge_response
from responses_tap.protocol.rules import RULES, Loss
from responses_tap.protocol.scopes import ResponseScope, Scope
from responses_tap.protocol.sse import Frame

RULES_VERSION = "2026-12"
"""Recorded with every verdict, so that `recheck` knows an old one."""


_NO_HEAD = Head()
_MOST_KEPT = 1 << 16
"""Bytes kept of a body that has no event yet; its first frame is kept whole unless it has data."""


class Checker:
    """Checks one body, frame by frame.

    `live` says that the frames come from the wire (a cut last frame is then the server's fault, not an editor's);
    not `framed`, that only the events were kept, which do not show whether a `[DONE]` followed; `request` is what the
    request is known to ask for, and `head` what the HTTP response says of itself; not `streamed`, that no stream is
    expected, so that one response in JSON is right; `lacks` is what a text does not show of the stream that it was
    copied from.
    """

    def __init__(
        self,
        profile: str = DEFAULT_PROFILE,
        *,
        live: bool = False,
        framed: bool = True,
        request: RequestFacts = NOTHING_KNOWN,
        head: Head = _NO_HEAD,
        streamed: bool = True,
        lacks: Collection[Lack] = (),
    ) -> None:
        self.profile = PROFILES[profile].without(lacks)
        self._request = request
        self._resumed = request.resumes
        self._is_excerpt = Lack.EXCERPT in lacks
        self._head = head
        self._streamed = streamed
        self._begin = b""
        self._judges: list[Judge] = []
        self._body = Ledger(self.profile, 0)
        self._frames = FrameChecks(self._body, live=live, framed=framed)
        self._finished = False
        self._other_api: Finding | None = None
        """Says that these are events of another API; as long as none is this one's, that is all there is to say."""
        self._has_ours = False
        self._heard_ns = 0
        """When the last frame came that is no event."""
        self._broken_within: int | None = None
        self._is_unreached = False
        self._is_interrupted = False
        """Whether a response began while another one ran."""

    @property
    def responses(self) -> list[ResponseScope]:
        """The responses of the body so far, in order."""
        return [judge.response for judge in self._judges]

    @property
    def findings(self) -> list[Finding]:
        """The findings so far, in order of response and position; those about the end come last."""
        if self._other_api is not None and not self._has_ours:
            return [self._other_api]
        found = [*self._body.findings]
        for judge in self._judges:
            found += judge.ledger.findings
        return sorted(found, key=order)

    @property
    def scope(self) -> Scope | None:
        """The scope of the latest event, None where it has none."""
        return self._judges[-1].scope if self._judges and self._has_ours else None

    @property
    def next_number(self) -> int | None:
        """The sequence_number that the next event must have, where that is certain and the response still runs."""
        return None if self._frames.marked else self._judges[-1].next_number

    def found(self, most: int) -> tuple[int, int] | None:
        """How many findings there are, and how many events they count; None where there are more than `most`."""
        findings = [*self._body.findings, *self._judges[-1].ledger.findings]
        return None if len(findings) > most else (len(findings), sum(finding.count for finding in findings))

    def extend(self, pieces: list[str]) -> int:
        """Take a run (runs.py): deltas like the latest event, with these texts; the position of the first."""
        return self._judges[-1].extend(pieces)

    def feed(self, frame: Frame, at_ns: int | None = None) -> Event | None:
        """Check one frame and return its event, None for a comment, `[DONE]` or a cut tail that is no event.

        `at_ns` is its arrival in nanoseconds since the request, where that is known.
        """
        if not frame.data or frame.is_done_marker:
            self._hear(at_ns)
            self._feed_no_event(frame)
            return None
        event = parse(frame.data)
        if not frame.complete:
            self._frames.tail()
            if event.flaw is not None:
                self._feed_no_event(frame)
                return None
        if not self._judges:
            self._begin_stream()
        judge = self._judge_of(event)
        event.position = judge.response.events
        event.response = self._body.response = judge.response.index
        judge.response.events += 1
        if not self._has_ours:
            self._look_for_other_api(frame, event)
        if (error := untyped_error(event, frame.event, frame.data)) is None:
            self._frames.event(frame, event)
        if self._frames.marked and judge.response.terminal is not None:
            return event  # no client reads on after [DONE]: TR910
        if error is not None:
            judge.untyped_error(event, error)
        elif event.type is None:
            judge.skip()
        else:
            judge.apply(event, at_ns)
        return event

    def _begin_stream(self) -> None:
        judge_head(self._body, self._head)
        if self._request.streams is False:
            self._body("TR918", None)

    def _look_for_other_api(self, frame: Frame, event: Event) -> None:
        if (api := api_of(event.data, frame.event)) is None:
            self._has_ours = (event.type or "").startswith("response.")
            return
        if self._other_api is None:
            fields = [name for name in ("type", "object", "choices", "candidates") if name in event.data][:1]
            self._other_api = Ledger(self.profile, 0)("SC815", event.position, fields=fields, api=api)
        else:
            self._other_api.add(event.position)

    def feed_whole(self, body: bytes) -> None:
        """Check a whole body that isn't an event stream, such as a response in JSON."""
        self.feed(Frame(body, None, None))

    def _hear(self, at_ns: int | None) -> None:
        self._heard_ns = at_ns or 0
        if self._judges:
            self._judges[-1].heard(self._heard_ns)

    def _feed_no_event(self, frame: Frame) -> None:
        response = self._judges[-1].response if self._judges else None
        if response is None and len(self._begin) < _MOST_KEPT:
            # Fields are enough to tell an event stream by; anything else may be a document, to be read as a whole.
            self._begin += frame.raw if frame.data is None else b"".join(piece[:_MOST_KEPT] for piece in frame.pieces)
        if frame.is_done_marker:
            self._frames.marker(response)
        elif not frame.data:
            self._frames.nothing(frame, response)

    def encoding_broke(self, within: int) -> None:
        """The body's Content-Encoding could not be undone within so many bytes, which explains whatever is missing."""
        self._broken_within = within

    def not_reached(self) -> None:
        """The request found no server."""
        self._is_unreached = True

    def finish(self, *, cut: bool = False) -> list[Finding]:
        """The body has ended: check what only its end can show. Returns the findings, in order.

        `cut` says that the reader stopped, not the server (a client that hung up, a recorder that was stopped):
        then a missing end is nobody's fault.
        """
        if not self._finished:
            self._finished = True
            cut = cut or self._broken_within is not None
            if self._judges:
                is_cut = cut or self._is_excerpt
                self._count_responses()
                self._judges[-1].finish(cut=is_cut)
                self._explain_losses()
                self._explain_gaps()
                if not is_cut:
                    self._frames.finish(self._judges[-1].response)
            else:
                self._body.findings.clear()  # one finding covers it all
                self._judge_document(cut=cut)
            if self._broken_within is not None:
                judge_broken(self._body, self._head, self._broken_within)
        return self.findings

    def _judge_document(self, *, cut: bool) -> None:
        """Judge a body without events; a response in it, where that is right, as an object."""
        was_asked = self._request.streams is True
        body = Eventless(self._head, self._begin, self._streamed or was_asked, was_asked, self._is_unreached)
        document = judge_eventless(self._body, body, cut=cut)
        if document is not None:
            self._body.findings += judge_response(document, self.profile, self._request)

    def _count_responses(self) -> None:
        ids = [judge.response.id for judge in self._judges]
        # A file may hold what several requests were answered with, one behind the other.
        if len(set(ids)) > 1 and (self._head.status is not None or self._is_interrupted):
            self._body.response = 0
            self._body("TR917", None, n=len(ids), ids=", ".join(str(id_) for id_ in ids[:4]))

    def _explain_losses(self) -> None:
        """An event that could not be read may be the one that is missing: report that as one defect, not two."""
        for found in self._body.findings:
            for lost_at in found.lost_at:
                for loss in Loss:
                    self._explain_loss(found, lost_at, loss)

    def _explain_loss(self, found: Finding, lost_at: int, loss: Loss) -> None:
        ledger = self._judges[found.response].ledger
        missed = [f for f in ledger.findings if RULES[f.code].loss is loss and _at(f) >= lost_at]
        if missed:
            nearest = min(missed, key=_at)
            found.add_note(f"hence, perhaps, {nearest.code}: {nearest.text}")
            ledger.withdraw(nearest)

    def _explain_gaps(self) -> None:
        """What an event with a value left out seems to lack is that value."""
        garbled = self._frames.garbled
        for judge in self._judges if garbled else ():
            for finding in list(judge.ledger.findings):
                if (finding.response, finding.position) in garbled:
                    judge.ledger.withdraw(finding)

    def _next(self) -> Judge:
        resumed = self._resumed and not self._judges
        required = self.profile.response_fields
        response = ResponseScope(len(self._judges), resumed=resumed, request=self._request, required=required)
        judge = Judge(response, self.profile)
        judge.heard(self._heard_ns)
        self._judges.append(judge)
        return judge

    def _judge_of(self, event: Event) -> Judge:
        """The response that `event` belongs to: a new one at a created with another id."""
        if self._is_excerpt and not self._judges:
            self._resumed = event.type != "response.created"
        judge = self._judges[-1] if self._judges else self._next()
        response = judge.response
        if event.type != "response.created" or (id_ := event.object("response").get("id")) == response.id:
            return judge
        runs = response.terminal is None
        if runs and (response.id is None or not isinstance(id_, str)):
            return judge  # nothing says that it is another one: LC102
        judge.finish(cut=runs)
        self._is_interrupted = self._is_interrupted or runs
        return self._next()


def _at(finding: Finding) -> float:
    return float("inf") if finding.position is None else finding.position
