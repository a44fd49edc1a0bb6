"""Spans and versions in file patterns, with the meaning they have in TFX.

`{SPAN}` is a number, `{SPAN:4}` one of four digits; `{YYYY}`, `{MM}` and `{DD}` together give the span as
days since 1970-01-01; `{VERSION}` (or `{VERSION:2}`) goes with either.
"""

from __future__ import annotations

import dataclasses
import datetime
import glob
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from components.ingest.problems import data_error

_TOKEN: Final = re.compile(r"\{(SPAN|VERSION)(?::(\d+))?\}|\{(YYYY|MM|DD)\}")
_WILD: Final = re.compile(r"\*\*/|\*|\?|\[!?[^\]]+\]")
_EPOCH: Final = datetime.date(1970, 1, 1)


@dataclasses.dataclass(frozen=True)
class Resolved:
    """The spans to read.

    Args:
        patterns: for each given pattern, the patterns with the spans filled in, oldest first.
        spans: spans read, oldest first; empty without a span token.
        version: version of the newest span, if the patterns have one.
    """

    patterns: tuple[tuple[str, ...], ...]
    spans: tuple[int, ...] = ()
    version: int | None = None

    @property
    def span(self) -> int:
        """The newest span; 0 without a span token, as in TFX."""
        return self.spans[-1] if self.spans else 0


def _tokens(pattern: str) -> list[str]:
    return [match.group(1) or match.group(3) for match in _TOKEN.finditer(pattern)]


def _bad(pattern: str, expected: str) -> Exception:
    return data_error("INGEST-016", f"expected {expected}. Received: path={pattern}.")


def _check(pattern: str) -> None:
    tokens = _tokens(pattern)
    dates = [token for token in tokens if token in ("YYYY", "MM", "DD")]
    if len(tokens) != len(set(tokens)):
        raise _bad(pattern, "each of {SPAN}, {VERSION}, {YYYY}, {MM} and {DD} at most once")
    if dates and len(dates) < 3:
        raise _bad(pattern, "all of {YYYY}, {MM} and {DD} or none")
    if dates and "SPAN" in tokens:
        raise _bad(pattern, "either {SPAN} or a date")
    if "VERSION" in tokens and not dates and "SPAN" not in tokens:
        raise _bad(pattern, "{SPAN} or a date beside {VERSION}")
    if any(width == "0" for _, width, _ in _TOKEN.findall(pattern)):
        raise _bad(pattern, "a width of at least 1")


def _glob_and_regex(pattern: str) -> tuple[str, re.Pattern[str]]:
    globbed, regex, position = "", "", 0
    widths = {"YYYY": 4, "MM": 2, "DD": 2}
    for match in _TOKEN.finditer(pattern):
        name = match.group(1) or match.group(3)
        width = widths.get(name) or (int(match.group(2)) if match.group(2) else None)
        text = pattern[position : match.start()]
        globbed += text + "*"
        regex += _plain_regex(text) + f"(?P<{name}>" + (rf"\d{{{width}}})" if width else r"\d+)")
        position = match.end()
    return globbed + pattern[position:], re.compile(regex + _plain_regex(pattern[position:]) + r"\Z")


def _plain_regex(text: str) -> str:
    """The regular expression of a glob: `*`, `?`, `[...]` within a name, `**/` for directories."""
    regex, position = "", 0
    for match in _WILD.finditer(text):
        wild = match.group()
        regex += re.escape(text[position : match.start()])
        if wild[0] == "[":
            negated = wild[1] == "!"
            regex += ("[^/" if negated else "[") + wild[1 + negated :].replace("\\", r"\\")
        else:
            regex += {"**/": r"(?:[^/]+/)*", "*": r"[^/]*", "?": r"[^/]"}[wild]
        position = match.end()
    return regex + re.escape(text[position:])


def _span_of(match: re.Match[str]) -> int | None:
    groups = match.groupdict()
    if "SPAN" in groups:
        return int(groups["SPAN"])
    try:
        day = datetime.date(int(groups["YYYY"]), int(groups["MM"]), int(groups["DD"]))
    except ValueError:
        return None
    return (day - _EPOCH).days


def _versions(pattern: str, base: Path) -> dict[int, dict[int | None, str]]:
    """Span to version to the pattern with both filled in, for everything that exists."""
    globbed, regex = _glob_and_regex(pattern)
    found: dict[int, dict[int | None, str]] = {}
    for path in glob.glob(globbed, root_dir=base, recursive=True):  # noqa: PTH207
        match = regex.match(path)
        span = _span_of(match) if match else None
        if match is None or span is None:
            continue
        texts = match.groupdict()
        version = int(texts["VERSION"]) if "VERSION" in texts else None

        def text_of(token: re.Match[str], texts: dict[str, str] = texts) -> str:
            return texts[token.group(1) or token.group(3)]

        filled = _TOKEN.sub(text_of, pattern)
        known = found.setdefault(span, {}).setdefault(version, filled)
        if known != filled:
            raise data_error(
                "INGEST-016",
                f"expected each span and version in one spelling. Received: {known} and {filled}.",
                "Remove one of them, or give the number of digits, such as {SPAN:2}.",
            )
    return found


def resolve(patterns: Sequence[str], span: int | None, window: int, base: Path) -> Resolved:
    """Chooses spans and versions.

    Of each span the newest version that all patterns have is read. Spans of the window that do not exist
    are passed over; the last one must exist.

    Args:
        patterns: path patterns relative to `base`; either all have span tokens or none has.
        span: the last span; the newest that all patterns have when none.
        window: number of consecutive spans, ending at `span`.
        base: directory of the config file.

    Raises:
        TandemError: `INGEST-016` for a bad pattern or if there is no such span.
    """
    patterns = [pattern.rstrip("/") for pattern in patterns]
    tokens = [bool(_tokens(pattern)) for pattern in patterns]
    if not any(tokens):
        if span is not None or window > 1:
            raise _bad(
                ", ".join(patterns), "{SPAN} or a date in the path, as `data.span` or `data.window` is set"
            )
        return Resolved(tuple((pattern,) for pattern in patterns))
    if not all(tokens):
        raise _bad(", ".join(patterns), "span tokens in all patterns or in none")
    for pattern in patterns:
        _check(pattern)
    found = [_versions(pattern, base) for pattern in patterns]
    common = set(found[0]).intersection(*found[1:])
    if not common:
        raise data_error(
            "INGEST-016", f"expected a span in {base}. Received: path={', '.join(patterns)}, none found."
        )
    last = max(common) if span is None else span
    if last not in common:
        raise data_error(
            "INGEST-016",
            f"expected span {last}. Received: spans={sorted(common)[-10:]} of path={', '.join(patterns)}.",
            "Set `data.span` to one of these, or leave it out for the newest.",
        )
    spans = tuple(number for number in range(max(last - window + 1, 0), last + 1) if number in common)
    chosen: dict[int, int | None] = {}
    for number in spans:
        versions = set(found[0][number]).intersection(*(each[number] for each in found[1:]))
        if not versions:
            raise data_error(
                "INGEST-016", f"expected one version of span {number} in all of {', '.join(patterns)}."
            )
        chosen[number] = max(versions, key=lambda version: -1 if version is None else version)
    filled = tuple(tuple(each[number][chosen[number]] for number in spans) for each in found)
    return Resolved(filled, spans, chosen[last])
