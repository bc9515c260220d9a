"""The pages in a real Chromium: what they show, that they stay as they are being read, and what they say in bad times.

Every window of these tests may reach the console and nothing else: see `browser`.
"""

import re

from tests.service.console import world


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


def test_a_past_alert_says_why_it_was_raised_and_how_it_ended(visit):
    past = world.resolved()
    for path in ("/alerts", "/device/pump-3"):
        page = visit.open(path)
        page.wait_for_selector("[data-alert=id-pump-3]")
        assert visit.text("[data-alert=id-pump-3] .sentence") == past["explanation"]["summary"]
        assert visit.text("[data-alert=id-pump-3] .fact").endswith("vibration")
        assert "recovered after 1 min" in visit.text("[data-alert=id-pump-3] .life")


def test_a_past_alert_of_which_only_the_end_is_known_says_that(visit, fleet):
    past = world.resolved(explanation=None)
    fleet["/api/v1/alerts"] = {"alerts": [past], "next": None}
    page = visit.open("/alerts")
    page.wait_for_selector("[data-alert=id-pump-3]")
    assert visit.text("[data-alert=id-pump-3] .sentence") == past["summary"]


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


def test_an_empty_fleet_says_how_the_first_device_comes(visit, fleet):
    fleet |= world.fleet()
    fleet["/api/v1/devices"] = {"devices": [], "total": 0, "next": None}
    fleet["/api/v1/alerts"] = {"alerts": [], "next": None}
    fleet["/api/v1/status"] = world.status(devices=0, open_alerts={"info": 0, "warning": 0, "critical": 0})
    page = visit.open("/")
    page.wait_for_selector("text=No device yet.")
    assert page.locator("#fleet-devices code").all_inner_texts() == ["gruard fleet", "gruard feed FILE"]
    assert "Nothing needs you" in visit.text("#fleet-wrong")
    assert "open alerts: none" in visit.text("#pulse")
    fleet["/api/v1/status"] = world.status(devices=7)  # their list takes a service a moment
    page.wait_for_selector("text=7 devices; their list is being made.")


def test_while_a_service_makes_its_list_the_pages_say_so_and_nothing_is_called_wrong_or_absent(visit, fleet):
    listed, known = fleet["/api/v1/devices"], fleet["/api/v1/devices/pump-3"]
    fleet["/api/v1/devices"] = fleet["/api/v1/devices/pump-3"] = world.early()
    fleet["/api/v1/status"] = world.status(devices=0)
    page = visit.open("/")
    page.wait_for_selector("text=The list of devices is being made.")
    fleet["/api/v1/status"] = world.status()
    page.wait_for_selector("text=3 devices; their list is being made.")
    assert visit.text("#trouble") == ""
    fleet["/api/v1/devices"] = listed
    page.wait_for_selector("[data-device=pump-3]")
    page = visit.open("/device/pump-3")
    page.wait_for_selector("text=The list of devices is being made.")
    fleet["/api/v1/devices/pump-3"] = known
    page.wait_for_selector("#device-graph .scatterlayer .trace", state="attached")


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
