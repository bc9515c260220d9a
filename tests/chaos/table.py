"""`python -m tests.chaos.table REPORT.xml PAGE.md`: the table of the last run of the matrix, between a page's markers.

A row that was skipped is told as such; a page without the markers is refused.
"""

import platform
import sys
from pathlib import Path
from xml.etree import ElementTree

BEGIN, END = "<!-- the matrix: `make chaos` writes what is between these lines -->", "<!-- end of the matrix -->"
HEAD = ("| # | fault | result | seed | seconds | what took place |", "|---|---|---|---|---|---|")


def main(report: Path, page: Path) -> int:
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None, f"{report} is no JUnit report"
    rows = sorted(_row(case) for case in suite.iter("testcase"))
    when = suite.get("timestamp", "")[:16].replace("T", " ")
    passed = sum(line.split("|")[3].strip() == "pass" for _, line in rows)
    told = f"Run of {when} UTC, Python {platform.python_version()}, Kafka 4.3.1: {passed} of {len(rows)} passed."
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        sys.exit(f"{page} has no place for the table: it needs the lines {BEGIN} and {END}")
    before, rest = text.split(BEGIN, 1)
    table = "\n".join([told, "", *HEAD, *(line for _, line in rows)])
    page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")
    print(told)
    return 0


def _row(case: ElementTree.Element) -> tuple[int, str]:
    told = {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
    number = int(told.pop("row", case.get("classname", "").partition("test_row_")[2][:2] or 0))
    what = told.pop("what", "") or _words(case.get("name", ""))
    seed = told.pop("figure:seed", "")
    figures = ", ".join(f"{name.removeprefix('figure:')} {value}" for name, value in told.items())
    seconds = round(float(case.get("time", 0)))
    return number, f"| {number} | {what} | {_result(case)} | {seed} | {seconds} | {figures} |"


def _words(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def _result(case: ElementTree.Element) -> str:
    outcomes = {"failure": "FAIL", "error": "ERROR", "skipped": "skipped"}
    return next((told for tag, told in outcomes.items() if case.find(tag) is not None), "pass")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
