"""Take a picture out of a backtest's report: `python -m benchmarks.pictures out/report.html 2 picture.png`.

The report embeds its pictures; the first is the distribution of evidence, then comes one a device.
"""

import base64
import re
import sys
from pathlib import Path

EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")


def main(report: str, number: str, output: str) -> int:
    found = EMBEDDED.findall(Path(report).read_text())
    if not 1 <= int(number) <= len(found):
        print(f"{report} holds {len(found)} pictures, not {number}", file=sys.stderr)
        return 2
    Path(output).write_bytes(base64.b64decode(found[int(number) - 1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
