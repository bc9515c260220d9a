"""`python -m service.telemetry.dashboards FOLDER`: write every generated file into the checkout at FOLDER."""

import argparse
from pathlib import Path

from service.telemetry.dashboards.written import files


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m service.telemetry.dashboards", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of the checkout: deploy/ and docs/ are in it")
    folder: Path = parser.parse_args().folder
    for name, text in files().items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
