"""What people paste into a bug report: the events of a stream, in whatever form a program printed them.

This reader is asked last, for a file that is of no other format, or where an event stream does not look as a server
sends it (altered.py). It finds the sections of the text that hold a stream each (separate.py), takes off what stands
around the events (unwrapping.py), finds each in its line or run of lines (reading.py, finding.py, literals.py), or
takes a list of names (event_names.py), and says what is not shown (lacks.py).
"""

from responses_tap.formats.pastes import refusals, separate
from responses_tap.formats.pastes.altered import is_altered
from responses_tap.formats.pastes.paste import Paste, is_event, read
from responses_tap.formats.pastes.separate import Section
from responses_tap.formats.pastes.unwrapping import lines_of

__all__ = ["LARGEST", "Paste", "is_altered", "is_event", "read_all", "refusals", "separate"]

LARGEST = 64 << 20
"""Bytes: a paste is read as a whole, into several times its size."""


def read_all(content: bytes) -> list[Paste]:
    """The streams in a paste: several in fences, or where other text stands between the end of one and the next."""
    if found := _continued(separate.fences(content)):
        return found
    if len(sections := separate.sections(content)) > 1:
        several = [(section, paste) for section in sections if (paste := _read(section)) is not None]
        if len(several) > 1 and _are_several(several):
            return _sent(several)
    return [paste] if (paste := read(lines_of(content))) is not None else _continued(separate.runs(content))


def _are_several(found: list[tuple[Section, Paste]]) -> bool:
    """Whether each section is a stream, as its beginning shows, or its heading; one heading is enough for two."""
    is_headed = [section.is_wish or section.is_fact for section, _ in found]
    is_headed[0] = any(is_headed)
    return all(paste.is_begun or headed for (_, paste), headed in zip(found, is_headed, strict=True))


def _read(*sections: Section) -> Paste | None:
    return read([line for section in sections for line in lines_of(section.content, section.first)])


def _continued(sections: list[Section]) -> list[Paste]:
    """The streams in these sections, each in one, or in several that continue one another."""
    streams: list[tuple[list[Section], Paste]] = []
    is_open = False
    for section in sections:
        if (paste := _read(section)) is None:  # a script, or the log of a client
            continue
        if is_open and not paste.is_begun and not section.is_wish and paste.kind == streams[-1][1].kind:
            streams[-1][0].append(section)
            is_open = not paste.is_ended
        else:
            streams.append(([section], paste))
            is_open = paste.is_begun and not paste.is_ended
    return _sent([(of[0], paste if len(of) == 1 else _read(*of) or paste) for of, paste in streams])


def _sent(found: list[tuple[Section, Paste]]) -> list[Paste]:
    """The pastes without what a reporter suggests, unless that is a whole stream to compare with, or all there is."""
    sent = [paste for section, paste in found if paste.is_begun or not section.is_wish]
    return sent or [paste for _, paste in found]
