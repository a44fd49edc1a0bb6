"""Messages about runs that end badly. The URL is a secret: nothing here logs it or puts it into an error."""

from __future__ import annotations

import dataclasses
import hashlib
import http.client
import json
import os
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trainer.errors import TandemError
from trainer.storage import write_json

URL_VARIABLE = "TANDEM_WEBHOOK_URL"
_HEADINGS = {"failure": "failed", "refusal": "was refused by the gate", "missed": "missed a start"}
_ATTEMPTS = 4
_TIMEOUT_SECONDS = 10.0
_WAIT_SECONDS = 0.5
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_AGAIN = (429, 500, 502, 503, 504)


@dataclasses.dataclass(frozen=True)
class Event:
    """What happened.

    Args:
        kind: `failure` of a run, `refusal` by the gate, `missed` start of the schedule.
        pipeline: `name` of the config.
        run_id: of Kubeflow, or of the run directory, which ends in it; of a missed start, its time.
        message: one or more sentences.
        code: of the error, such as `GATE-003`.
        link: page of the UI.
    """

    kind: str
    pipeline: str
    run_id: str
    message: str
    code: str = ""
    link: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON that is sent: `text`, which chat services show, beside every field."""
        heading = f"{self.pipeline} {_HEADINGS.get(self.kind, self.kind)}: {self.run_id}"
        lines = [heading, f"{self.code} {self.message}".strip(), self.link]
        return {"text": "\n".join(line for line in lines if line), **dataclasses.asdict(self)}


def url_from(environment: Mapping[str, str] = os.environ, file: Path | None = None) -> str | None:
    """The URL: content of `file`, else of `TANDEM_WEBHOOK_URL`; `None` if neither is set.

    Raises:
        TandemError: `KFP-331` if the file cannot be read or what was given is no URL.
    """
    try:
        text = file.read_text() if file is not None else environment.get(URL_VARIABLE, "")
    except (OSError, UnicodeDecodeError):
        raise _unusable(f"a file that cannot be read, path={str(file)!r}") from None
    text = text.strip()
    if not text and file is None:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in text):
        raise _unusable(f"a text of {len(text)} characters that is none")
    return text


def send(
    url: str, event: Event, attempts: int = _ATTEMPTS, timeout_seconds: float = _TIMEOUT_SECONDS
) -> None:
    """Sends a message, again if need be; one whose answer is lost may arrive twice.

    Args:
        url: where to.
        event: what happened.
        attempts: tries in all. Defaults to `4`.
        timeout_seconds: of each. Defaults to `10.0`.

    Raises:
        TandemError: `KFP-332` if it is not taken.
    """
    request = urllib.request.Request(
        url,
        json.dumps(event.to_dict()).encode(),
        {"Content-Type": "application/json", "User-Agent": "tandem"},
        method="POST",
    )
    for attempt in range(1, attempts + 1):
        status, reason = _try(request, timeout_seconds)
        if status is not None and 200 <= status < 300:
            return
        if attempt == attempts or (status is not None and status not in _AGAIN):
            break
        time.sleep(random.uniform(0.5, 1.0) * _WAIT_SECONDS * 2 ** (attempt - 1))
    raise TandemError(
        "KFP-332",
        f"Expected the webhook to take a message. Received: {reason}.",
        f"Check the URL in the secret of kubeflow.webhook, or {URL_VARIABLE}.",
    )


def send_once(url: str | None, event: Event, root: Path) -> bool:
    """Sends a message unless it was sent before, and remembers it.

    The step `finish` and `tandem schedule check` both see a failed run; whoever comes second is silent.

    Args:
        url: where to; `None` only remembers.
        event: what happened; pipeline, kind and run id make it the same.
        root: root of the runs, such as the state volume.

    Returns:
        Whether it was new.

    Raises:
        TandemError: `KFP-332` if it is not taken; then it is not remembered.
    """
    record = _record(event, root)
    if record.exists():
        return False
    if url is not None:
        send(url, event)
    write_json(record, event.to_dict())
    return True


def _record(event: Event, root: Path) -> Path:
    uuid = _UUID.search(event.run_id)
    digest = hashlib.sha256((uuid[0] if uuid else event.run_id).encode()).hexdigest()[:16]
    return root / "kubeflow" / "told" / event.pipeline / f"{event.kind}-{digest}.json"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would send the message, and a URL that is a secret, elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _try(request: urllib.request.Request, timeout_seconds: float) -> tuple[int | None, str]:
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=timeout_seconds) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, f"status {error.code}"
    except TimeoutError:
        return None, f"nothing in {timeout_seconds:g} s"
    except urllib.error.URLError as error:
        late = isinstance(error.reason, TimeoutError)
        cause = error.reason.strerror if isinstance(error.reason, OSError) else ""
        return None, f"nothing in {timeout_seconds:g} s" if late else f"no connection, {cause or 'unknown'}"
    except (OSError, http.client.HTTPException, ValueError):
        return None, "a lost connection"


def _unusable(received: str) -> TandemError:
    return TandemError(
        "KFP-331",
        f"Expected the http(s) URL of a webhook. Received: {received}.",
        f"Put it into the secret of kubeflow.webhook, which a pod gets as {URL_VARIABLE}.",
        exit_status=2,
    )
