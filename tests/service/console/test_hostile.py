"""Names that want to be scripts, markup, paths or too much: they stay names, on every page and in every address."""

from typing import Any

from tests.service.console import world
from tests.service.console.browser import Visitor

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
        if any(part in name for part in ("..", "//", "%", "?", "\n", "名")):  # what an address may trip over
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
