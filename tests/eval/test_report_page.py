"""The report's page in a real browser."""

import json
import re
import shutil
from pathlib import Path

import pytest

from r1v.eval.report import write_report
from r1v.eval.score import score_run
from r1v.eval.store import RunFolder
from tests.eval.rows import write_rows
from tests.eval.test_runs import ANSWERS, box, made_run

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.mark.slow
def test_samples_are_found_and_shown_as_text(tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    made_run(tmp_path / "run", write_rows(tmp_path / "data"), {**ANSWERS, "1": [box(EVIL)]})
    score_run(RunFolder(tmp_path / "run"))
    path = write_report([tmp_path / "run"], tmp_path / "out")[1]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800})
        requests: list[str] = []
        trouble: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: (trouble.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        assert page.locator("#list li").count() == 3
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # a telephone's width
        page.fill("#f-text", "onerror")
        assert page.locator("#count").inner_text() == "1 of 3"
        detail = page.locator("#detail")
        assert EVIL in detail.inner_text() and "Look." in detail.inner_text()
        assert page.evaluate("document.querySelector('#detail img').naturalWidth") > 0
        page.fill("#f-text", "")
        page.select_option("#f-verdict", "right")
        page.focus("#list")
        page.keyboard.press("ArrowDown")
        assert page.locator("#list li[aria-selected=true]").count() == 1
        assert page.locator("#list li").nth(1).get_attribute("aria-selected") == "true"
        browser.close()
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert not trouble


def test_a_model_has_one_colour_everywhere(tmp_path: Path) -> None:
    """Also where a run has no bar in a chart, and for published models in several charts."""
    data = write_rows(tmp_path / "data")
    paths = []
    for number, tasks in enumerate((("aime24",), ("mathvision",), ("aime24", "mathvision"))):
        paths.append(tmp_path / f"run{number}")
        made_run(paths[-1], data, {**ANSWERS, "2024-I-1": [box("204")]}, tasks)
        manifest = json.loads((paths[-1] / "manifest.json").read_text())
        manifest["identity"]["model"]["name"] = f"model-{number}"
        (paths[-1] / "manifest.json").write_text(json.dumps(manifest))
        score_run(RunFolder(paths[-1]))
    html = write_report(paths, tmp_path / "out")[1].read_text()
    drawn = re.findall(r'class="c(\d+)"><title>([^<]*?), [^<,]*: [\d.]+</title>', html)
    dots = re.findall(r'<i class="dot c(\d+)"></i>(model-\d)', html)
    legends = re.findall(r'class="c(\d+)"/><text [^>]*class="legend">([^<]*)<', html)
    colours: dict[str, set[str]] = {}
    for colour, name in (*drawn, *dots, *legends):
        colours.setdefault(name, set()).add(colour)
    assert {f"model-{number}" for number in range(3)} < set(colours) and "InternVL3-38B" in colours
    assert len(drawn) > 10 and len(dots) > 5 and len(legends) > 10
    assert all(len(found) == 1 for found in colours.values()), colours
    assert len(set.union(*colours.values())) == len(colours)  # and no two models share one
