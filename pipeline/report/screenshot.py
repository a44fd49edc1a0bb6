"""Pictures of a report, taken by headless Chromium.

`python -m pipeline.report.screenshot REPORT_HTML DIRECTORY` writes `report-light.png`, `report-dark.png`,
`report-model.png` (from the metrics on) and `report-phone.png`. The browser is spoken to through a pipe, so
that nothing but Chromium is needed.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from absl import logging

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)
# Chromium reads commands from descriptor 3 and writes to descriptor 4.
TRAMPOLINE = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
Scheme = Literal["light", "dark"]


def chromium() -> str | None:
    """Path of an installed Chromium, or `None`."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """A page of a headless browser, driven by the Chrome DevTools Protocol.

    Args:
        command_pipe: file descriptor that the browser reads commands from.
        event_pipe: file descriptor that the browser writes answers and events to.
        timeout_seconds: longest wait for one answer. Defaults to `30.0`.
    """

    def __init__(self, command_pipe: int, event_pipe: int, timeout_seconds: float = 30.0) -> None:
        self._out, self._in, self._timeout = command_pipe, event_pipe, timeout_seconds
        self._buffer, self._last, self._session = b"", 0, ""
        self.requests: list[str] = []
        self.problems: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def _message(self) -> dict[str, Any]:
        deadline = time.monotonic() + self._timeout
        while b"\0" not in self._buffer:
            if not select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"No answer of the browser in {self._timeout} seconds.")
            block = os.read(self._in, 1 << 16)
            if not block:
                raise ConnectionError("The browser ended.")
            self._buffer += block
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") == "Log.entryAdded":
            self.problems.append(message["params"]["entry"]["text"])
        return message

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Sends one command and returns its result; events that come first are recorded."""
        self._last += 1
        command: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._out, json.dumps(command).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == self._last:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                result: dict[str, Any] = message["result"]
                return result

    def open(self, report: Path, width: int, scheme: Scheme, height: int = 900, scale: float = 1.0) -> None:
        """Shows `report` in a window of `width` by `height` CSS pixels, light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=report.resolve().as_uri())
        deadline = time.monotonic() + self._timeout
        while (
            self.evaluate("document.readyState") != "complete"
            or self.evaluate("location.protocol") != "file:"
        ):
            if time.monotonic() > deadline:
                raise TimeoutError(f"The browser did not show {report.name}.")
            time.sleep(0.02)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def picture(self, path: Path, whole: bool = True, top: float = 0.0, height: float = 0.0) -> None:
        """Writes a PNG of the whole page, or of `height` CSS pixels from `top`."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {
            "x": 0,
            "y": top,
            "width": size["width"],
            "height": size["height"] if whole else height,
            "scale": 1,
        }
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def browser() -> Iterator[Page]:
    """A fresh headless browser with an empty profile; it is ended and its profile removed afterwards.

    Raises:
        FileNotFoundError: if no Chromium is installed.
    """
    program = chromium()
    if program is None:
        raise FileNotFoundError(
            f"Expected one of {', '.join(NAMES)} on the PATH; on Debian: apt-get install chromium."
        )
    (to_read, to_write), (from_read, from_write) = os.pipe(), os.pipe()
    # Numbers above 4, so that neither is overwritten when they move to 3 and 4.
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (to_read, from_write)]
    os.close(to_read)
    os.close(from_write)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            sys.executable,
            "-c",
            TRAMPOLINE,
            *map(str, ends),
            program,
            *FLAGS,
            f"--user-data-dir={profile}",
        ]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, pass_fds=ends, stdin=quiet, stdout=quiet, stderr=quiet)
        for end in ends:
            os.close(end)
        try:
            yield Page(to_write, from_read)
        finally:
            os.close(to_write)
            os.close(from_read)
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def take(report: Path, directory: Path) -> list[Path]:
    """Writes the four pictures of `report` into `directory` and returns their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    pictures: tuple[tuple[str, str, int, Scheme, float, int], ...] = (
        ("report-light.png", "", 1240, "light", 1.5, 1180),
        ("report-dark.png", "", 1240, "dark", 1.5, 1180),
        ("report-model.png", "metrics", 1240, "light", 1.5, 1180),
        ("report-phone.png", "", 390, "light", 2.0, 1500),
    )
    written = []
    with browser() as page:
        for name, anchor, width, scheme, scale, height in pictures:
            page.open(report, width, scheme, height=height, scale=scale)
            top = (
                page.evaluate(f"document.getElementById('{anchor}').getBoundingClientRect().top")
                if anchor
                else 32
            )
            page.picture(directory / name, whole=False, top=top - 32, height=height)
            written.append(directory / name)
            logging.info("wrote %s", directory / name)
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Pictures of a report: light, dark and phone.")
    parser.add_argument("report", type=Path, help="report.html of a run")
    parser.add_argument("directory", type=Path, help="where the pictures go")
    parsed = parser.parse_args(arguments)
    take(parsed.report, parsed.directory)


if __name__ == "__main__":
    main()
