"""A real Alertmanager on loopback: Debian's binary, with what it holds read back through its own API."""

import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.broker import free_ports

PATIENCE_S = 60.0
CONFIG = """
route: {receiver: people, group_by: [site, class], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: people, webhook_configs: [{url: "%s", send_resolved: true}]}]
"""


def binary() -> str:
    found = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if found is None:
        pytest.skip("no Alertmanager here; install Debian's package prometheus-alertmanager")
    return found


class RealAlertmanager:
    def __init__(self, folder: Path, people: str = "http://127.0.0.1:1/", port: int | None = None) -> None:
        """people: the webhook that it calls."""
        self.port = port or free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        config = folder / "alertmanager.yml"
        config.write_text(CONFIG % people)
        arguments = [f"--config.file={config}", f"--storage.path={folder / 'data'}", "--cluster.listen-address="]
        with (folder / "alertmanager.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary(), *arguments, f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log
            )
        self.until(self._answers)

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """That it holds as firing and that have these labels."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=10) as answer:
            found = json.load(answer)
        return [alert for alert in found if labels.items() <= alert["labels"].items()]

    def firing(self) -> set[tuple[str, str]]:
        """Ids and severities, of alerts that have an id."""
        told = [alert["labels"] for alert in self.alerts() if "alert_id" in alert["labels"]]
        return {(labels["alert_id"], labels["severity"]) for labels in told}

    def until(self, holds: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert self._process.poll() is None
            assert time.monotonic() < deadline, self._answers() and self.alerts()
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def __enter__(self) -> "RealAlertmanager":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
