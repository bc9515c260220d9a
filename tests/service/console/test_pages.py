"""The pages in a real Chromium: what they show, that they stay as they are being read, and what they say in bad times.

Every window of these tests may reach the console and nothing else: see `browser`.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.console import world
from tests.service.console.browser import Browser, Visitor, console
from tests.service.console.speaker import Speaker

PAGES = ("/", "/device/pump-17", "/alerts", "/models", "/demo")
CONTRAST = """() => {
  const parse = (text) => { const p = text.match(/[\\d.]+/g).map(Number); return p.length > 3 ? p : [...p, 1]; };
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3]));
  const ground = (node) => { const layers = [];
    for (let at = node; at; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
    return layers.reduce((under, top) => over(top, under), [255, 255, 255]); };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim();
    const box = node.getBoundingClientRect();
    if (!text || !box.width || !node.checkVisibility() || node.closest("script, .unseen, option")) continue;
    const style = getComputedStyle(node), svg = node.closest("svg");
    const colour = parse(svg ? style.fill : style.color), back = ground(svg ? svg.parentElement : node);
    const [a, b] = [light(over(colour, back)), light(back)];
    found.push([text.slice(0, 40), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def said() -> Iterator[Speaker]:
    with Speaker({}) as speaker:
        yield speaker


@pytest.fixture(scope="module")
def base(browser: Browser, said: Speaker) -> Iterator[str]:
    with console(said.url) as address:
        yield address


@pytest.fixture
def fleet(said: Speaker) -> Iterator[dict[str, Any]]:
    """What the service says, as the test begins: pump-17 is ill, and a demo plays."""
    said.says = world.fleet("pump-17") | {"/api/v1/demo": world.scoreboard()}
    yield said.says
    said.says = {}


@pytest.fixture
def visit(browser: Browser, base: str, fleet: dict[str, Any]) -> Iterator[Visitor]:
    with browser.visit(base) as window:
        yield window


def test_the_fleet_page_shows_what_is_wrong_and_every_device_the_worst_first(visit):
    page = visit.open("/")
    page.wait_for_selector("[data-device]")
    assert page.locator("[data-alert] .sentence").all_inner_texts() == [world.alert()["summary"]]
    assert page.locator("[data-alert]").get_attribute("data-alert") == "id-pump-17"
    rows = [row.split() for row in page.locator("[data-device]").all_inner_texts()]
    assert [row[:2] for row in rows] == [["critical", "pump-17"], ["healthy", "fan-2"], ["healthy", "pump-3"]]
    visit.until("document.querySelector('#pulse').innerText.includes('readings a second')")
    for part in ("running", "3 devices", "lag 120 ms", "budget 0.5", "open alerts: 1 critical"):
        assert part in visit.text("#pulse")
    assert page.title() == "(1) Fleet · Gruard"


def test_devices_are_found_by_name_and_by_severity(visit):
    page = visit.open("/")
    page.wait_for_selector("[data-device=fan-2]")
    page.get_by_label("Find").fill("pump")
    page.wait_for_selector("[data-device=fan-2]", state="detached")
    page.get_by_label("Show").select_option("critical")
    page.wait_for_selector("[data-device=pump-3]", state="detached")
    assert page.locator("[data-device]").count() == 1
    page.get_by_label("Find").fill("nothing like it")
    page.wait_for_selector("text=No device is like that.")


def test_a_device_s_page_shows_why(visit):
    page = visit.open("/device/pump-17")
    page.wait_for_selector("#device-graph .scatterlayer .trace", state="attached")
    assert visit.text("h1") == "pump-17"
    assert visit.text(".why .sentence") == world.alert()["summary"]
    titles = page.locator("#device-graph .annotation-text").all_text_contents()
    assert titles == ["flow (bar)", "pressure (bar)", "vibration (bar)", "evidence and its limit", "1"]
    assert page.locator("#device-graph .shapelayer path").count() == 3  # limit, stretch and onset of the alert
    rows = page.locator(".contributions tbody tr").all_inner_texts()
    assert [row.split() for row in rows] == [
        ["flow", "61.2", "m3/h", "76", "to", "84.2", "71%"], ["pressure", "3.1", "bar", "3.2", "to", "3.6", "29%"],
    ]  # fmt: skip
    assert page.locator("#device-alerts [data-alert]").count() == 1


def test_alerts_open_and_past_are_filtered_by_state_kind_severity_and_words(visit):
    page = visit.open("/alerts")
    page.wait_for_selector("[data-alert=id-pump-3]")

    def shown(label: str, value: str, ids: list[str]) -> None:
        page.get_by_label(label).select_option(value)
        visit.until(
            "ids => [...document.querySelectorAll('[data-alert]')].map(e => e.dataset.alert).join() === ids.join()",
            ids,
        )

    shown("State", "resolved", ["id-pump-3"])
    shown("State", "all", ["id-pump-17", "id-pump-3"])
    shown("Kind", "process", ["id-pump-17"])
    shown("Kind", "", ["id-pump-17", "id-pump-3"])
    shown("Severity", "warning", ["id-pump-3"])
    shown("Severity", "", ["id-pump-17", "id-pump-3"])
    page.get_by_label("Find").fill("moved vibration")
    page.wait_for_selector("[data-alert=id-pump-17]", state="detached")
    assert "moved" in visit.text("[data-alert=id-pump-3]")


def test_models_and_the_demo_s_scoreboard_have_their_pages(visit):
    page = visit.open("/models")
    page.get_by_text("The whole card").click()
    assert page.locator(".card h4").all_inner_texts() == ["Intended use"]
    assert "<script>window.hit = 1</script>" in visit.text(".card")
    assert page.evaluate("window.hit") is None
    page.get_by_role("link", name="Scoreboard").click()
    page.wait_for_selector(".tiles")
    assert "1 of 2" in visit.text(".tiles")
    badges = page.locator("tbody .badge").all_inner_texts()
    assert badges == ["found", "missed"]


def test_without_a_demo_there_is_no_scoreboard_to_go_to(visit, fleet):
    del fleet["/api/v1/demo"]
    page = visit.open("/demo")
    page.wait_for_selector("text=No demo is playing here.")
    visit.until("!document.querySelector('nav').innerText.includes('Scoreboard')")


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


def test_an_empty_fleet_says_how_the_first_device_comes(visit, fleet):
    fleet |= world.fleet()
    fleet["/api/v1/devices"] = {"devices": [], "total": 0, "next": None}
    fleet["/api/v1/alerts"] = {"alerts": [], "next": None}
    page = visit.open("/")
    page.wait_for_selector("text=No device yet.")
    assert "gruard fleet" in visit.text("#fleet-devices")
    assert "Nothing needs you" in visit.text("#fleet-wrong")
    assert "open alerts: 1" not in visit.text("main")


def test_a_service_that_goes_is_told_of_with_since_when_and_comes_back_by_itself(visit, said):
    page = visit.open("/")
    page.wait_for_selector("[data-device=pump-17]")
    said.leave()
    page.wait_for_selector("text=Nothing answers at")
    told = visit.text("#trouble")
    assert re.search(r"Since \d\d:\d\d:\d\d UTC", told)
    assert "gruard run" in told
    assert "not reachable" in visit.text("#pulse")
    assert page.locator("[data-device=pump-17]").count() == 1  # what was known stays, and is said to be old
    said.come()
    page.wait_for_selector("text=Nothing answers at", state="detached")
    assert "running" in visit.text("#pulse")


def test_a_service_that_restores_says_so(visit, fleet):
    fleet["/api/v1/status"] = world.status(
        ready=False, problem="restoring 3 of 4 partitions", partitions={"running": 1, "restoring": 3}
    )
    page = visit.open("/")
    page.wait_for_selector("text=is restoring 3 of 4 partitions.")
    assert "restoring" in visit.text("#pulse")


def test_a_device_that_was_not_recorded_says_when_its_picture_begins(visit, fleet):
    empty = {"time": [], "score": [], "evidence": [], "limit": [], "alert": [], "leading_sensor": [], "sensors": {}}
    fleet["/api/v1/devices/pump-3"] = world.detail("pump-3", recorded=False, recent=empty, contributions=[])
    page = visit.open("/device/pump-3")
    page.wait_for_selector("text=were not recorded until now")
    assert not page.locator("#device-figure").is_visible()
    fleet["/api/v1/devices/pump-3"] = world.detail("pump-3")
    page.wait_for_selector("#device-graph .scatterlayer .trace", state="attached")
    assert page.locator("#device-figure").is_visible()


def test_a_name_that_no_service_knows_is_no_device(visit):
    page = visit.open("/device/nobody")
    page.wait_for_selector("text=No service here knows a device")
    assert page.locator("#device-rest").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(browser, base, fleet, scheme):
    with browser.visit(base, scheme=scheme) as visit:
        for path in PAGES:
            page = visit.open(path)
            page.wait_for_selector(".device-page .trace, [data-device], [data-alert], .model, .tiles", state="attached")
            page.wait_for_timeout(400)
            measured = page.evaluate(CONTRAST)
            assert len(measured) > 10
            assert [each for each in measured if each[1] < 4.5] == [], path


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_s_width_needs_no_sideways_scrolling(browser, base, fleet, path):
    with browser.visit(base, width=360) as visit:
        page = visit.open(path)
        page.wait_for_selector(".device-page .trace, [data-device], [data-alert], .model, .tiles", state="attached")
        wide = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 360).length"
        visit.until(f"{wide} === 0")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_everything_is_reached_by_keyboard_with_a_focus_that_is_seen(visit):
    page = visit.open("/")
    page.wait_for_selector("[data-device]")
    outlined = """() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
      const seen = parseFloat(s.outlineWidth) >= 2 && s.outlineStyle !== "none" && b.top >= 0;
      return [e.innerText || e.placeholder || e.tagName, seen]; }"""
    reached = []
    for _ in range(13):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(outlined))
    names = [name for name, _ in reached]
    assert names[:6] == ["Skip to the content", "Fleet", "Alerts", "Models", "Scoreboard", "pump-17"]
    assert names[6] == "part of a name"
    assert names[9:12] == ["pump-17", "fan-2", "pump-3"]
    assert [name for name, seen in reached[:12] if not seen] == []


def test_the_keyboard_skips_to_the_content_filters_and_opens_a_device(visit):
    page = visit.open("/")
    page.wait_for_selector("[data-device]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    page.get_by_label("Show").focus()
    page.keyboard.press("c")  # critical
    page.wait_for_selector("[data-device=fan-2]", state="detached")
    page.locator("[data-device=pump-17] a").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".device-page")
    visit.until("document.activeElement.id === 'title'")
    assert page.evaluate("window.scrollY") == 0
    page.go_back()
    page.wait_for_selector("[data-device=fan-2]")


def test_the_page_has_landmarks_one_first_heading_and_named_controls(visit):
    for path in PAGES:
        page = visit.open(path)
        page.wait_for_timeout(300)
        for role, least in (("main", 1), ("navigation", 1), ("banner", 1), ("contentinfo", 1)):
            assert page.get_by_role(role).count() >= least, (path, role)
        assert page.locator("h1").count() == 1
        assert page.locator("html").get_attribute("lang") == "en"
        nameless = page.locator("input, select").evaluate_all("all => all.filter(e => !e.labels.length).length")
        assert nameless == 0
        levels = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all("all => all.map(e => +e.tagName[1])")
        steps = [later - earlier for earlier, later in itertools.pairwise(levels)]
        assert max(steps, default=0) <= 2, path
    assert page.get_by_role("navigation").locator("[aria-current=page]").inner_text() == "Scoreboard"


HOSTILE = (
    "<img src=x onerror='window.hit=1'>",
    '"><script>window.hit=1</script>',
    "<a href='javascript:window.hit=1'>click</a>",
    "javascript:window.hit=1",
    "..",
    "../../metrics",
    "a//b",
    "%2e%2e%2f%00",
    "?id=x#main",
    "{{7*7}}${window.hit=1}",
    "\u202emoc.live\u202c\x07\nnew line",
    "Z\u0310\u0321" + "\u0342" * 60,
    "w" * 256,
    "名前 العربية",
)


def hostile(fleet: dict[str, Any]) -> None:
    """Every text that comes from outside is one of those names."""
    lines = [world.device(name, **{"class": name}, severity="critical", open_alerts=1) for name in HOSTILE]
    told = []
    for number, name in enumerate(HOSTILE):
        part = world.alert()["contributions"][0] | {"sensor": name, "unit": name}
        alert = world.alert(name, alert_id=f"h{number}", type=name, summary=f"{name}: {name}", contributions=[part])
        told.append(alert)
        recent = world.recent()
        recent["sensors"] = {name: recent["sensors"]["flow"] | {"unit": name}}
        fleet[f"/api/v1/devices/{name}"] = world.detail(
            name, labels={name: name}, alerts=[alert], recent=recent, **{"class": name}
        )
    fleet["/api/v1/devices"] = {"devices": lines, "total": len(lines), "next": None}
    fleet["/api/v1/alerts"] = {"alerts": told, "next": None}
    fleet["/api/v1/status"] = world.status(ready=False, problem=HOSTILE[0])
    names = {"name": HOSTILE[0], "version": HOSTILE[1]}
    model = world.model() | names | {"card": "\n\n".join(HOSTILE), "cell": HOSTILE[2]}
    fleet["/api/v1/models"] = {
        "models": [model | {"sensors": [{"name": name, "unit": name, "low": None, "high": None} for name in HOSTILE]}]
    }
    fleet["/api/v1/demo"] = world.scoreboard(faults=[world.fault(name, kind=name, sensor=name) for name in HOSTILE])


def test_no_name_from_outside_runs_a_script_or_breaks_a_page(browser, base, fleet):
    hostile(fleet)
    with browser.visit(base, width=360) as visit:
        for path, ready in (
            ("/", "[data-device]"),
            ("/alerts", "[data-alert]"),
            ("/models", ".model"),
            ("/demo", "tbody th"),
        ):
            page = visit.open(path)
            page.wait_for_selector(ready)
            harmless(visit)
        page = visit.open("/")
        page.wait_for_selector("[data-device]")
        assert page.locator("[data-device]").count() == len(HOSTILE)


def test_a_device_of_any_name_is_reached_by_its_link_and_by_its_address(visit, fleet):
    hostile(fleet)
    page = visit.open("/")
    page.wait_for_selector("[data-device]")
    rows = page.locator("[data-device]").evaluate_all("rows => rows.map(row => row.dataset.device)")
    assert sorted(rows) == sorted(HOSTILE)
    for name in HOSTILE:
        page.locator("[data-device]").nth(rows.index(name)).locator("a").click()
        page.wait_for_selector(f"#device-alerts [data-alert=h{HOSTILE.index(name)}]")
        page.wait_for_selector("#device-graph .scatterlayer .trace", state="attached")
        harmless(visit)
        if not name.isascii() or not name.isalnum():
            page.reload()
            page.wait_for_selector(f"#device-alerts [data-alert=h{HOSTILE.index(name)}]")
        page.get_by_role("link", name="Fleet").click()
        page.wait_for_selector("[data-device]")


def harmless(visit: Visitor) -> None:
    page = visit.page
    assert page.evaluate("window.hit") is None
    assert page.locator("main img, main script, main iframe, main svg a, [onerror]").count() == 0
    foreign = "[...document.querySelectorAll('a')].filter(a => !a.href.startsWith(location.origin + '/')).length"
    assert page.evaluate(foreign) == 0
    visit.until("document.documentElement.scrollWidth <= innerWidth")
