"""A picture of a page as a browser shows it: `python -m benchmarks.screenshot out/report.html picture.png [1200x1500]`.

Takes a file or an address. Needs Chromium, as Debian's package `chromium` has it.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=5000")
SIZE = "1200x1500"


def main(page: str, picture: str, size: str = SIZE) -> int:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("no Chromium on this machine: install Debian's package chromium", file=sys.stderr)
        return 69
    address = page if "://" in page else Path(page).resolve().as_uri()
    target = Path(picture).resolve()
    with tempfile.TemporaryDirectory() as profile:
        window = f"--window-size={size.replace('x', ',')}"
        given = [browser, *OPTIONS, f"--user-data-dir={profile}", window, f"--screenshot={target}", address]
        done = subprocess.run(given, capture_output=True, text=True, check=False)
    if done.returncode or not target.exists():
        print(f"{browser} took no picture of {address}: {done.stderr[-300:]}", file=sys.stderr)
        return 69
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
