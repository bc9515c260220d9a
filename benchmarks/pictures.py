"""Take a picture out of a backtest's report: `python -m benchmarks.pictures out/report.html 2 picture.png`.

The report embeds its pictures; the first is the distribution of evidence, then comes one a device. `page` for a
number takes the page itself, as a browser shows it; that needs Chromium.
"""

import base64
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1160,1790")


def main(report: str, number: str, output: str) -> int:
    if number == "page":
        return of_page(Path(report), Path(output))
    found = EMBEDDED.findall(Path(report).read_text())
    if not number.isdecimal() or not 1 <= int(number) <= len(found):
        print(f"{report} holds {len(found)} pictures, not {number}", file=sys.stderr)
        return 2
    Path(output).write_bytes(base64.b64decode(found[int(number) - 1]))
    return 0


def of_page(report: Path, output: Path) -> int:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("no Chromium on this machine: install Debian's package chromium", file=sys.stderr)
        return 69
    with tempfile.TemporaryDirectory() as profile:
        given = (f"--user-data-dir={profile}", f"--screenshot={output.resolve()}", report.resolve().as_uri())
        done = subprocess.run([browser, *OPTIONS, *given], capture_output=True, text=True, check=False)
    if done.returncode or not output.exists():
        print(f"{browser} took no picture of {report}: {done.stderr[-300:]}", file=sys.stderr)
        return 69
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
