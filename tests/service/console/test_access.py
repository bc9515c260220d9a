"""The pages for everybody: contrast as it is rendered, a phone's width, the keyboard alone, landmarks and names."""

import itertools

import pytest

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
