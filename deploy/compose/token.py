"""Makes the token that workers ask for and the console shows: `token.py FILE`; one that is there stays.

The file is for its owner alone, whom workers and console have in common. It appears whole or not at all.
"""

import os
import secrets
import sys
from pathlib import Path


def main(name: str) -> int:
    file = Path(name)
    if file.is_file() and file.stat().st_size:
        print(f"{file} is there")
        return 0
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as opened:
        opened.write(f"{secrets.token_hex(32)}\n")
    part.replace(file)
    print(f"{file} is made")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
