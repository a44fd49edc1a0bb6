"""Cron as the backend reads it (six fields, seconds first), strictly; when it fires next."""

from __future__ import annotations

import dataclasses
import datetime

from trainer.errors import TandemError

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
# Where the backend gives up.
_YEARS = 5


@dataclasses.dataclass(frozen=True)
class Cron:
    """When a schedule fires, in UTC.

    Args:
        text: six fields, as the backend gets them.
        fields: allowed values: second, minute, hour, day of month, month, day of week (Sunday is `0`).
        any_day: whether a day must match day of month and day of week (one of them has `*`), not just one.
    """

    text: str
    fields: tuple[frozenset[int], ...]
    any_day: bool

    def next_after(self, moment: datetime.datetime) -> datetime.datetime | None:
        """The first time after `moment`, or `None` if there is none within five years."""
        seconds, minutes, hours = (sorted(values) for values in self.fields[:3])
        moment = moment.astimezone(datetime.UTC)
        day = moment.date()
        while day.year <= moment.year + _YEARS:
            if self._falls_on(day):
                for hour in hours:
                    for minute in minutes:
                        for second in seconds:
                            at = datetime.time(hour, minute, second, tzinfo=datetime.UTC)
                            found = datetime.datetime.combine(day, at)
                            if found > moment:
                                return found
            day += datetime.timedelta(days=1)
        return None

    def _falls_on(self, day: datetime.date) -> bool:
        _, _, _, days, months, weekdays = self.fields
        if day.month not in months:
            return False
        matches = (day.day in days, day.isoweekday() % 7 in weekdays)
        return all(matches) if self.any_day else any(matches)


def parse(text: str) -> Cron:
    """Reads a cron expression.

    Args:
        text: six fields, or the usual five, which start at second 0.

    Raises:
        TandemError: `KFP-401`, which names the field, if the backend would not take it, if it never fires or
            fires twice in one minute.
    """
    words = text.split()
    if text.strip().startswith("@"):
        raise _wrong(text, "an abbreviation", "Write the fields, `0 0 3 * * *` for three every night.")
    if len(words) not in (5, 6):
        hint = "Write second, minute, hour, day of month, month, day of week; a year is not possible."
        raise _wrong(text, f"{len(words)} fields", hint)
    # The backend would read five fields as six without the last.
    words = ["0", *words] if len(words) == 5 else words
    fields = tuple(_values(text, word, *field) for word, field in zip(words, _FIELDS, strict=True))
    if len(fields[0]) != 1:
        hint = "Give one second, `0` as a rule; `*` would start a run every second of the minute."
        raise _wrong(text, f"{len(fields[0])} values in field second", hint)
    any_day = any(mark in word for word in (words[3], words[5]) for mark in "*?")
    cron = Cron(" ".join(words), fields, any_day)
    if cron.next_after(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)) is None:
        hint = "Correct day of month, month or day of week; the backend looks five years ahead."
        raise _wrong(text, "a day that does not come within five years", hint)
    return cron


def _values(text: str, word: str, name: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for piece in word.split(","):
        span, slash, step_text = piece.partition("/")
        first_text, dash, last_text = span.partition("-")
        if span in ("*", "?"):
            first, last = low, high
        else:
            first = _number(text, piece, name, first_text, names)
            last = _number(text, piece, name, last_text, names) if dash else high if slash else first
        step = _number(text, piece, name, step_text, {}) if slash else 1
        where = f"{piece!r} in field {name}"
        if step < 1:
            raise _wrong(text, where, "A step is at least 1.")
        if first < low or last > high:
            hint = "Sunday is 0." if name == "day of week" else ""
            raise _wrong(text, where, f"It goes from {low} to {high}. {hint}".strip())
        if first > last:
            raise _wrong(text, where, "A range begins with the smaller value; join two ranges with a comma.")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, piece: str, name: str, word: str, names: dict[str, int]) -> int:
    if word.lower() in names:
        return names[word.lower()]
    if not (word.isascii() and word.isdigit()):
        known = f" or {', '.join(names)}" if names else ""
        hint = f"Use numbers{known}, `*`, `1-5`, `*/2` and `1,3`; L, W and # are not possible."
        raise _wrong(text, f"{piece!r} in field {name}", hint)
    return int(word)


def _wrong(text: str, received: str, hint: str) -> TandemError:
    return TandemError(
        "KFP-401",
        f"Expected kubeflow.schedule.cron as six fields. Received: cron={text!r}, {received}.",
        hint,
        exit_status=2,
    )
