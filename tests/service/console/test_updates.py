"""A page that is made new every second stays as it is being read, and says aloud what is new and critical."""

import contextlib
import itertools
import time
from typing import Any
from urllib.parse import urlsplit

from tests.service.console import world
from tests.service.console.browser import console


def test_a_list_that_updates_keeps_its_nodes_and_with_them_focus_scroll_and_what_is_selected(visit, fleet):
    lines = [world.device(f"pump-{number:03}") for number in range(80)]
    fleet["/api/v1/devices"] = lambda query: {"devices": lines, "total": 80, "next": None}
    page = visit.open("/")
    page.wait_for_selector("[data-device=pump-060]")
    page.locator("[data-device=pump-060] a").focus()
    page.evaluate("window.kept = [...document.querySelectorAll('[data-device], main table, main a')]")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('[data-device=pump-059] th'))")
    place = "document.querySelector('[data-device=pump-059]').getBoundingClientRect().top"
    before = page.evaluate(place)
    assert page.evaluate("window.scrollY") > 500
    lines[60]["severity"] = "info"  # its row moves to the top
    lines[0]["score"] = 7.25
    visit.until("document.querySelector('[data-device=pump-000]').innerText.includes('7.25')")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "/device/pump-060"
    assert page.evaluate("window.kept.filter(node => !node.isConnected).length") == 0
    assert page.evaluate("getSelection().toString()") == "pump-059"
    assert abs(page.evaluate(place) - before) < 2  # what is read stays where it is
    order = page.locator("[data-device]").evaluate_all("rows => rows.map(row => row.dataset.device)")
    assert order == ["pump-060", *(line["id"] for line in lines if line["id"] != "pump-060")]


def test_a_picture_that_updates_keeps_its_zoom(visit, fleet):
    page = visit.open("/device/pump-17")
    page.wait_for_selector("#device-graph .scatterlayer .trace", state="attached")
    box = page.locator("#device-graph .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20, steps=4)
    page.mouse.up()
    zoomed = "JSON.stringify(document.querySelector('#device-graph .js-plotly-plot')._fullLayout.xaxis.range)"
    visit.until(f"{zoomed}.includes('08:02')")
    before = page.evaluate(zoomed)
    told = world.detail(last_time=world.at(300), alerts=[world.alert()])
    told["recent"]["time"][-1] = world.at(300)
    fleet["/api/v1/devices/pump-17"] = told
    drawn = "document.querySelector('#device-graph .js-plotly-plot').data[2].x.at(-1)"
    visit.until(f"{drawn} === '{world.at(300)}'")
    assert page.evaluate(zoomed) == before
    page.mouse.dblclick(box["x"] + box["width"] * 0.5, box["y"] + 20)
    visit.until(f"{zoomed}.includes('08:00')")


def test_a_new_critical_alert_is_said_aloud_where_one_that_was_open_is_not(visit, fleet):
    page = visit.open("/models")
    page.wait_for_timeout(2500)
    assert visit.text("#announce") == ""
    assert page.locator("#announce").get_attribute("aria-live") == "assertive"
    for path, said in world.fleet("pump-17", "fan-2").items():
        fleet[path] = said
    visit.until("document.querySelector('#announce').innerText")
    assert visit.text("#announce") == f"New critical alert. {world.alert('fan-2')['summary']}"


def test_a_service_slower_than_the_page_asks_is_seen_all_the_same(visit, fleet):
    scores = itertools.count(1)

    def slowly(query: dict[str, str]) -> dict[str, Any]:
        time.sleep(2.5)
        return {"devices": [world.device("slow-1", score=next(scores))], "total": 1, "next": None}

    fleet["/api/v1/devices"] = slowly
    page = visit.open("/")
    page.wait_for_selector("[data-device=slow-1]")
    first = visit.text("[data-device=slow-1] td:nth-child(4)")
    visit.until("first => document.querySelector('[data-device=slow-1] td:nth-child(4)').innerText !== first", first)


def test_a_console_that_goes_is_told_of_by_the_page_alone_and_comes_back_by_itself(browser, said, fleet):
    with contextlib.ExitStack() as first:
        base = first.enter_context(console(said.url))
        with browser.visit(base) as visit:
            page = visit.open("/")
            page.wait_for_selector("[data-device=pump-17]")
            assert page.locator("#lost").is_hidden()
            first.close()
            page.wait_for_selector("#lost", state="visible")
            assert "The console itself does not answer" in visit.text("#lost")
            with console(said.url, port=urlsplit(base).port or 0):
                page.wait_for_selector("#lost", state="hidden")
                visit.wrong.clear()  # the connections that were refused
