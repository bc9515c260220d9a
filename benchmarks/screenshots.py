"""Pictures of the console for the documentation, taken of a real demo in a real Chromium.

`python -m benchmarks.screenshots` plays the demo until a fault is found and shown, takes docs/pictures/console.png (the
fleet) and docs/pictures/console-device.png (the ill device with its reason), and ends it. Needs the extra `console`,
playwright and Chromium.
"""

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
PATIENCE_S = 240.0  # a fault of the demo's is found within the first minute and a half
SIZE = {"width": 1280, "height": 900}


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """The addresses of its API and of its console."""
    command = [sys.executable, "-m", "service", "demo", "--port", "0", "--console-port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        banner = "".join(iter(process.stdout.readline, "\n"))
        yield found(r"(http://\S+)/metrics", banner), found(r"Console: (\S+)/", banner)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        sys.exit(f"the demo did not start as expected:\n{text}")
    return match[1]


def told(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)


def ill(api: str) -> str:
    """A device with a fault that has been found and is on: two critical alerts make a picture worth taking."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        score = told(f"{api}/api/v1/demo")
        alerts = told(f"{api}/api/v1/alerts?state=open&severity=critical")["alerts"]
        at_fault = {fault["device"] for fault in score["faults"] if fault["detected"]}
        worst = [alert for alert in alerts if alert["device_id"] in at_fault and alert["kind"] == "process"]
        if len(alerts) >= 3 and worst:
            return str(max(worst, key=lambda alert: alert["score_max"])["device_id"])
        time.sleep(0.5)
    sys.exit(f"no fault was found within {PATIENCE_S:.0f} s")


def take(page: Page, address: str, ready: str, target: Path, full: bool) -> None:
    page.goto(address)
    page.wait_for_selector(ready, state="attached")
    while "readings a second" not in page.inner_text("#pulse") or " 0 readings a second" in page.inner_text("#pulse"):
        page.wait_for_timeout(500)
    page.screenshot(path=target, full_page=full)
    print(target)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshots", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "pictures")
    folder = parser.parse_args().output
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        sys.exit("no Chromium here to take pictures with: apt-get install chromium")
    with demo() as (api, console), sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        device = ill(api)
        take(page, f"{console}/", "[data-device]", folder / "console.png", full=False)
        ready = "#device-graph .scatterlayer .trace"
        take(page, f"{console}/device/{device}", ready, folder / "console-device.png", full=True)
        browser.close()


if __name__ == "__main__":
    main()
