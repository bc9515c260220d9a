"""An authority of one test, and the certificates it signs; made by openssl, good for two days."""

import subprocess
from pathlib import Path

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
LEAF = """basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=DNS:localhost,IP:127.0.0.1
"""


class Authority:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "authority.pem"
        self._key = directory / "authority.key"
        subject = ("-subj", "/CN=Test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        _openssl("req", "-x509", *CURVE, "-days", "2", *subject, "-keyout", self._key, "-out", self.file)

    def certificate(self, name: str) -> tuple[Path, Path]:
        """Of `name` on this machine: the certificate's file and its key's."""
        key, request, extensions, signed = (
            self.directory / f"{name}.{ending}" for ending in ("key", "csr", "ext", "pem")
        )
        extensions.write_text(LEAF, encoding="utf-8")
        _openssl("req", "-new", *CURVE, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        by = ("-CA", self.file, "-CAkey", self._key, "-CAcreateserial", "-days", "2", "-extfile", extensions)
        _openssl("x509", "-req", "-in", request, *by, "-out", signed)
        return signed, key


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr[-2000:]}")
