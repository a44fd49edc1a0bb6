"""The page in a real browser: no request, no sideways scrolling on a phone, contrast as it is painted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import page, screenshot

Make = Callable[[str], dict[str, Any]]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        screenshot.chromium() is None, reason="no Chromium on the PATH: apt-get install chromium"
    ),
]

OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"
# The colour of each text against the nearest painted ground above it, as WCAG 2.2 counts contrast.
WEAK_TEXTS = """
(() => {
  const linear = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const parse = text => (text.match(/[0-9.]+/g) || []).map(Number);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const weak = []; let seen = 0;
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), owner = walker.currentNode.parentElement;
    if (!text || owner.closest('title, desc, style')) continue;
    const style = getComputedStyle(owner), drawn = owner.closest('svg');
    const ink = parse(drawn ? style.fill : style.color);
    let ground = owner, paint = [0, 0, 0, 0];
    while (ground && (paint.length > 3 && paint[3] === 0)) {
      paint = parse(getComputedStyle(ground).backgroundColor); ground = ground.parentElement;
    }
    const [high, low] = [light(ink), light(paint)].sort((a, b) => b - a);
    seen += 1;
    if ((high + 0.05) / (low + 0.05) < 4.5) weak.push(text + ' ' + ink + ' on ' + paint);
  }
  return {seen, weak};
})()
"""


@pytest.fixture(scope="module")
def tab() -> Iterator[screenshot.Page]:
    with screenshot.browser() as opened:
        yield opened


@pytest.fixture
def report(make_view: Make, tmp_path: Path) -> Callable[[str], Path]:
    def written(kind: str) -> Path:
        page.write(make_view(kind), tmp_path / f"{kind}.html")
        return tmp_path / f"{kind}.html"

    return written


def test_opening_the_report_asks_for_that_file_only(
    tab: screenshot.Page, report: Callable[[str], Path]
) -> None:
    path = report("pushed")
    tab.requests.clear()
    tab.problems.clear()
    tab.open(path, 1240, "light")
    tab.evaluate(OPEN_ALL)
    assert [address for address in tab.requests if address != "data:,"] == [path.resolve().as_uri()]
    assert tab.problems == []
    assert tab.evaluate("getComputedStyle(document.body).marginTop") == "0px", "the style sheet was refused"


@pytest.mark.parametrize("kind", ["pushed", "refused", "failed", "wide", "empty", "words", "sentences"])
@pytest.mark.parametrize("width", [390, 768, 1240])
def test_the_page_never_scrolls_sideways(
    tab: screenshot.Page, report: Callable[[str], Path], kind: str, width: int
) -> None:
    tab.open(report(kind), width, "light")
    if kind != "wide":
        tab.evaluate(OPEN_ALL)
    assert tab.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["pushed", "refused", "failed", "words", "characters"])
def test_every_text_is_readable_in_both_themes(
    tab: screenshot.Page, report: Callable[[str], Path], kind: str, scheme: screenshot.Scheme
) -> None:
    tab.open(report(kind), 1240, scheme)
    tab.evaluate(OPEN_ALL)
    found = tab.evaluate(WEAK_TEXTS)
    assert found["seen"] > 200
    assert found["weak"] == []


def test_the_themes_differ(tab: screenshot.Page, report: Callable[[str], Path]) -> None:
    path = report("pushed")
    grounds = []
    for scheme in ("light", "dark"):
        tab.open(path, 1240, "light" if scheme == "light" else "dark")
        grounds.append(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(246, 246, 243)", "rgb(16, 17, 20)"]


def test_marks_of_the_charts_lie_inside_them(tab: screenshot.Page, report: Callable[[str], Path]) -> None:
    tab.open(report("pushed"), 390, "light")
    outside = tab.evaluate(
        """[...document.querySelectorAll('.chart circle, .dots circle')].filter(mark => {
          const at = mark.getBoundingClientRect(), box = mark.ownerSVGElement.getBoundingClientRect();
          const x = (at.left + at.right) / 2, y = (at.top + at.bottom) / 2;
          return x < box.left - 1 || x > box.right + 1 || y < box.top - 1 || y > box.bottom + 1;
        }).length"""
    )
    assert outside == 0


def test_pictures_are_taken_in_both_themes_and_for_a_phone(
    report: Callable[[str], Path], tmp_path: Path
) -> None:
    screenshot.main([str(report("pushed")), str(tmp_path / "images")])
    written = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert written == ["report-dark.png", "report-light.png", "report-model.png", "report-phone.png"]
    for path in (tmp_path / "images").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 20_000


def test_on_a_phone_the_verdicts_of_drift_are_in_sight_and_key_figures_leave_no_gap(
    tab: screenshot.Page, report: Callable[[str], Path]
) -> None:
    # An odd number of key figures in two columns: the last one takes a row of its own.
    tab.open(report("failed"), 390, "light")
    assert tab.evaluate(
        """(() => {
          const cells = [...document.querySelectorAll('.figures dl > div')];
          const last = cells[cells.length - 1].getBoundingClientRect();
          const list = document.querySelector('.figures dl').getBoundingClientRect();
          return [cells.length % 2, Math.round(list.width - last.width)];
        })()"""
    ) == [1, 2]
    assert tab.evaluate(
        """[...document.querySelectorAll('.distances')].map(table =>
          table.parentElement.scrollWidth - table.parentElement.clientWidth)"""
    ) == [0]


@pytest.mark.parametrize("selector", [".forest th.whole", ".whole"])
def test_short_names_and_error_codes_stay_on_one_line_on_a_phone(
    tab: screenshot.Page, report: Callable[[str], Path], selector: str
) -> None:
    tab.open(report("failed" if selector == ".whole" else "wide"), 390, "light")
    heights = tab.evaluate(
        f"""[...document.querySelectorAll('{selector}')].map(one => {{
          const range = document.createRange(); range.selectNodeContents(one);
          return range.getClientRects().length;
        }})"""
    )
    assert heights
    assert set(heights) <= {0, 1}
