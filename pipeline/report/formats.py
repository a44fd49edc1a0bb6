"""Reading values of a view that may be absent, and writing them as text for people."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

ABSENT = "–"
OVERALL = "overall"


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def rows(value: Any) -> list[Mapping[str, Any]]:
    """The mappings in the sequence `value`; empty if it is anything else."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def finite(value: Any) -> float | None:
    """`value` as a float, or `None` if it is absent, not a number, not finite or too large for one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def number(value: Any, signed: bool = False) -> str:
    """A number with about four significant digits.

    Args:
        value: a number; anything else gives a dash.
        signed: writes `+` before positive numbers. Defaults to `False`.

    Returns:
        Text with a true minus sign, thousands separated by commas.

    Example:
        >>> number(0.41234), number(-12.3456), number(123456), number(0.00001234)
        ('0.4123', '−12.35', '123,456', '1.23e−05')
    """
    checked = finite(value)
    if checked is None:
        return ABSENT
    size = abs(checked)
    sign = "+" if signed and checked > 0 else ""
    if 0 < size < 1e-4 or size >= 1e15:
        text = f"{checked:.2e}"
    elif size < 10:
        text = f"{checked:.4f}"
    elif size < 1000:
        text = f"{checked:.2f}"
    else:
        text = f"{checked:,.0f}"
    return sign + text.replace("-", "−")


def plain(value: Any) -> str:
    """A number without needless zeros: `7` for `7.0`, otherwise as `number`; text stays text."""
    checked = finite(value)
    if checked is None:
        return str(value) if isinstance(value, str) and value else ABSENT
    if checked.is_integer() and abs(checked) < 1e15:
        return f"{checked:,.0f}".replace("-", "−")
    text = number(checked)
    if "." in text and "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return text


def count(value: Any) -> str:
    """A whole number with thousands separated: `336,776`."""
    checked = finite(value)
    return ABSENT if checked is None else f"{checked:,.0f}".replace("-", "−")


def metric(value: Any, name: str) -> str:
    """The value of metric `name`: counts as whole numbers, all others with about four digits."""
    return count(value) if name.endswith("_count") else number(value)


def plural(value: Any, one: str, many: str = "") -> str:
    """A count with its noun: `1 row`, `2 rows`."""
    return f"{count(value)} {one if finite(value) == 1 else many or one + 's'}"


def share(value: Any) -> str:
    """A fraction as per cent; `0%` and `100%` only when exact.

    Example:
        >>> share(0.5), share(0.00001), share(0), share(0.99999)
        ('50.0%', '<0.1%', '0%', '>99.9%')
    """
    checked = finite(value)
    if checked is None:
        return ABSENT
    if checked in (0.0, 1.0):
        return f"{checked:.0%}"
    if 0 < checked < 0.001:
        return "<0.1%"
    if 0.999 < checked < 1:
        return ">99.9%"
    return f"{checked:.1%}"


def seconds(value: Any) -> str:
    """A duration given in seconds: `0.42 s`, `12.3 s`, `4 min 12 s`, `2 h 05 min`."""
    checked = finite(value)
    if checked is None or checked < 0:
        return ABSENT
    if checked < 9.995:
        return f"{checked:.2f} s"
    if checked < 59.95:
        return f"{checked:.1f} s"
    minutes, rest = divmod(round(checked), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def milliseconds(value: Any) -> str:
    """A duration given in milliseconds: `0.352 ms`, `12.3 ms`; from a second on as `seconds`."""
    checked = finite(value)
    if checked is None or checked < 0:
        return ABSENT
    return f"{checked:.3g} ms" if checked < 999.5 else seconds(checked / 1000)


def size(value: Any) -> str:
    """A number of bytes in binary units: `1.5 MiB`."""
    checked = finite(value)
    if checked is None:
        return ABSENT
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(checked) < 1024:
            return f"{checked:.0f} {unit}" if unit == "B" or checked >= 100 else f"{checked:.1f} {unit}"
        checked /= 1024
    return f"{checked:.1f} TiB"


def moment(value: Any) -> str:
    """A time, ISO 8601 text or epoch seconds, as `3 Jan 2024, 14:02 UTC`; other text stays as it is."""
    epoch = finite(value)
    try:
        if epoch is not None:
            when = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
        else:
            when = datetime.datetime.fromisoformat(str(value or ""))
    except (ValueError, OverflowError, OSError):
        return str(value) if value else ABSENT
    if when.tzinfo is not None:
        when = when.astimezone(datetime.UTC)
    zone = " UTC" if when.tzinfo is not None else ""
    return f"{when.day} {when:%b %Y, %H:%M}{zone}"


def whole_codes(text: str) -> Markup:
    """Escaped text in which no line ends inside an error code.

    Example:
        >>> whole_codes("Failed in check: DATA-001")
        Markup('Failed in check: <span class="whole">DATA-001</span>')
    """
    return Markup(re.sub(r"\b[A-Z]+-\d{3}\b", r'<span class="whole">\g<0></span>', str(escape(text))))


def slice_name(value: Any) -> str:
    """A slice as `origin=JFK, carrier=B6`; that of all rows is `overall`."""
    if isinstance(value, Mapping):
        return ", ".join(f"{column}={cell}" for column, cell in value.items()) or OVERALL
    return str(value) if value else OVERALL
