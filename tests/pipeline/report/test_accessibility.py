"""Structure and contrast of the page, checked without a browser."""

from __future__ import annotations

import html.parser
import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.report import page

Make = Callable[[str], dict[str, Any]]
KINDS = ["pushed", "refused", "failed", "regression", "wide", "empty"]
KINDS += ["words", "sentences", "characters", "group"]
VOID = {"meta", "link", "br", "img", "input", "hr"}
TEXT_ON = {
    "--page": ("--ink", "--muted"),
    "--surface": ("--ink", "--muted", "--good", "--bad"),
    "--good-tint": ("--ink", "--good"),
    "--warn-tint": ("--ink", "--warn"),
    "--bad-tint": ("--ink", "--bad"),
    "--quiet-tint": ("--muted",),
    "--good": ("--page",),
}
MARKS_ON_SURFACE = ("--candidate", "--baseline", "--prior", "--bad", "--focus")


class Element:
    """An element with its attributes, its ancestors' tags and its children."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element] = []
        self._own = ""

    @property
    def text(self) -> str:
        return self._own + "".join(child.text for child in self.children)

    def add(self, text: str) -> None:
        self._own += text

    def all(self, *tags: str) -> list[Element]:
        found = [self] if self.tag in tags else []
        for child in self.children:
            found += child.all(*tags)
        return found


class Tree(html.parser.HTMLParser):
    """A strict parser: every element is closed by its own end tag."""

    def __init__(self) -> None:
        super().__init__()
        self.root = self.current = Element("root", {}, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"attribute twice in <{tag}>"
        child = Element(tag, {name: value or "" for name, value in attrs}, self.current)
        self.current.children.append(child)
        if tag not in VOID:
            self.current = child

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.current.children.append(Element(tag, {name: value or "" for name, value in attrs}, self.current))

    def handle_endtag(self, tag: str) -> None:
        assert self.current.tag == tag, f"</{tag}> closes <{self.current.tag}>"
        assert self.current.parent is not None
        self.current = self.current.parent

    def handle_data(self, data: str) -> None:
        self.current.add(data)


@pytest.fixture(scope="module", params=KINDS)
def tree(request: pytest.FixtureRequest, make_view: Make) -> Element:
    parser = Tree()
    parser.feed(page.render(make_view(request.param)))
    parser.close()
    assert parser.current is parser.root
    return parser.root


def test_the_document_names_its_language_and_title(tree: Element) -> None:
    assert tree.all("html")[0].attributes["lang"] == "en"
    assert tree.all("title")[0].text.strip()


def test_landmarks_are_present_and_named(tree: Element) -> None:
    assert [len(tree.all(tag)) for tag in ("header", "nav", "main", "footer", "h1")] == [1, 1, 1, 1, 1]
    assert tree.all("nav")[0].attributes["aria-label"]
    assert all(section.attributes.get("aria-labelledby") for section in tree.all("section"))


def test_headings_never_skip_a_level(tree: Element) -> None:
    levels = [int(heading.tag[1]) for heading in tree.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(heading.text.strip() for heading in tree.all("h1", "h2", "h3", "h4"))


def test_references_lead_to_ids_that_exist_once(tree: Element) -> None:
    def collect(node: Element, found: list[Element]) -> list[Element]:
        found.append(node)
        for child in node.children:
            collect(child, found)
        return found

    nodes = collect(tree, [])
    ids = [node.attributes["id"] for node in nodes if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in nodes:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(node.attributes.get(name, "").split()) <= set(ids)
        href = node.attributes.get("href", "")
        assert not href.startswith("#") or href[1:] in ids
        assert "style" not in node.attributes, "the policy would refuse an inline style"
        assert not any(name.startswith("on") for name in node.attributes)
    assert not tree.all("script", "iframe", "object", "embed", "img", "form")


def test_every_table_has_a_caption_and_scoped_heads(tree: Element) -> None:
    for table in tree.all("table"):
        assert table.children[0].tag == "caption"
        assert table.children[0].text.strip()
        assert all(head.attributes.get("scope") in ("col", "row") for head in table.all("th"))
        heads = table.all("thead")[0].all("th")
        assert all(head.text.strip() for head in heads)
        for row in table.all("tbody")[0].all("tr"):
            assert len(row.all("th", "td")) == len(heads)
            assert len(row.all("th")) == 1


def test_every_drawing_is_described_or_hidden(tree: Element) -> None:
    for drawing in tree.all("svg"):
        parent = drawing.parent
        if parent is not None and parent.tag == "svg":
            continue
        if drawing.attributes.get("role") == "img":
            assert [child.tag for child in drawing.children[:2]] == ["title", "desc"]
            assert all(child.text.strip() for child in drawing.children[:2])
        else:
            assert drawing.attributes["aria-hidden"] == "true"


def test_regions_that_scroll_are_reached_by_keyboard_and_named(tree: Element) -> None:
    for region in tree.all("div", "pre"):
        if "scroll" in region.attributes.get("class", "").split() or region.tag == "pre":
            assert region.attributes["tabindex"] == "0"
            assert region.attributes["role"] == "region"
            assert region.attributes["aria-label"].strip()


def palettes() -> dict[str, dict[str, str]]:
    css = (page.TEMPLATES / "report.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    return {
        name: dict(re.findall(r"(--[a-z-]+): (#[0-9a-f]{6});", block))
        for name, block in (("light", light), ("dark", dark))
    }


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2.2 of two colours `#rrggbb`."""

    def luminance(colour: str) -> float:
        parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_a_contrast_of_at_least_four_and_a_half(theme: str) -> None:
    palette = palettes()[theme]
    for ground, inks in TEXT_ON.items():
        for ink in inks:
            assert contrast(palette[ink], palette[ground]) >= 4.5, (theme, ink, ground)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_have_a_contrast_of_at_least_three(theme: str) -> None:
    palette = palettes()[theme]
    for mark in MARKS_ON_SURFACE:
        assert contrast(palette[mark], palette["--surface"]) >= 3.0, (theme, mark)


def test_both_themes_define_the_same_colours() -> None:
    assert palettes()["light"].keys() == palettes()["dark"].keys()
