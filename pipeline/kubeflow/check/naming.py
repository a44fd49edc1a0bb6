"""What Kubernetes takes as a name, a label and a quantity."""

from __future__ import annotations

import re
from decimal import Decimal

_PART = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_LABEL = re.compile(_PART)
_SUBDOMAIN = re.compile(rf"{_PART}(?:\.{_PART})*")
_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"[-._A-Za-z0-9]+")
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_MOUNT = re.compile(r"(?:/[A-Za-z0-9._-]+)+")
_POWERS = {"k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def is_label(name: str) -> bool:
    """A DNS label (RFC 1123), as names of volumes are: at most 63 characters."""
    return bool(_LABEL.fullmatch(name)) and len(name) <= 63


def is_subdomain(name: str) -> bool:
    """A DNS subdomain (RFC 1123), as names of most objects are: at most 253 characters."""
    return bool(_SUBDOMAIN.fullmatch(name)) and len(name) <= 253


def is_qualified(name: str) -> bool:
    """A key of a label, an annotation, a taint or a resource: a name with an optional prefix.

    Example:
        >>> is_qualified("cloud.google.com/gke-tpu-topology"), is_qualified("a/b/c")
        (True, False)
    """
    prefix, slash, last = name.rpartition("/")
    return (not slash or is_subdomain(prefix)) and bool(_QUALIFIED.fullmatch(last)) and len(last) <= 63


def is_label_value(value: str) -> bool:
    """The value of a label; it may be empty."""
    return not value or (bool(_QUALIFIED.fullmatch(value)) and len(value) <= 63)


def is_environment(name: str) -> bool:
    """The name of an environment variable."""
    return bool(_ENVIRONMENT.fullmatch(name))


def is_key(name: str) -> bool:
    """A key in a secret or a config map."""
    return bool(_KEY.fullmatch(name)) and len(name) <= 253


def is_mount(path: str) -> bool:
    """An absolute path without empty, `.` or `..` parts and without a colon."""
    return bool(_MOUNT.fullmatch(path)) and not {".", ".."} & set(path.split("/"))


def quantity(text: str) -> Decimal | None:
    """A quantity as a number; `None` if it is none.

    Example:
        >>> quantity("500m"), quantity("2Gi"), quantity("2GB")
        (Decimal('0.500'), Decimal('2147483648'), None)
    """
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    number, suffix = Decimal(found[1]), found[2] or ""
    if suffix == "m":
        return number * Decimal("0.001")
    return number * (Decimal(1024 if suffix.endswith("i") else 1000) ** _POWERS.get(suffix[:1], 0))
