"""Asks who serves in the same container how it is: `health.py livez|readyz|startupz|"" [PORT]`; exit 0 = well.

"" is the first page, for the console has no probes. The image has no curl, and what the engine keeps of a failed check
should be the worker's own reason, not a traceback.
"""

import sys
from http.client import HTTPConnection, HTTPException


def main(probe: str, port: str = "8080") -> int:
    try:
        connection = HTTPConnection("127.0.0.1", int(port), timeout=4)
        connection.request("GET", f"/{probe}")
        answer = connection.getresponse()
        print(answer.status, answer.read(500).decode("utf-8", "replace").strip())
    except (OSError, HTTPException) as error:
        print(f"no answer on port {port}: {error}")
        return 1
    return 0 if answer.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
