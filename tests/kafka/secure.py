"""A broker that lets in nobody it does not know: SCRAM over TLS, mutual TLS beside it, and rights by access rules.

Whoever is on its plaintext listener `direct` may do everything; users have only what `allow` gave them. The name in a
client certificate and the name of a SCRAM user are one and the same.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

from tests.kafka.broker import HOST, Broker, free_ports
from tests.kafka.certificates import Authority

USERS = ("gruard", "stranger")


class SecureBroker(Broker):
    def __init__(self, *, users: Iterable[str] = USERS, settings: Mapping[str, str] = {}) -> None:
        super().__init__(settings=settings)
        self.mutual_port = free_ports(1)[0]
        self.users = tuple(users)
        self.authority = Authority(self.directory)
        self.ca_file = self.authority.file
        self.client_cert_file, self.client_key_file = self.authority.certificate(self.users[0])
        for user in self.users:
            self.password_file(user).write_text(f"{user}-secret\n", encoding="utf-8")
        certificate, key = self.authority.certificate("broker")
        both = self.directory / "broker-both.pem"
        both.write_bytes(key.read_bytes() + certificate.read_bytes())
        self.settings |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca_file),
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "listener.name.mutual.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.client.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }

    @property
    def mutual(self) -> str:
        """Where a client shows a certificate."""
        return f"{HOST}:{self.mutual_port}"

    def password_file(self, user: str) -> Path:
        return self.directory / f"{user}.password"

    def scram(self, user: str) -> dict[str, object]:
        """Values of KafkaSettings for a user with a password."""
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": "SASL_SSL",
            "sasl_username": user,
            "sasl_password_file": self.password_file(user),
            "ssl_ca_file": self.ca_file,
        }

    def certified(self) -> dict[str, object]:
        """Values of KafkaSettings for the first user, who has a certificate."""
        return {
            "bootstrap_servers": self.mutual,
            "security_protocol": "SSL",
            "ssl_ca_file": self.ca_file,
            "ssl_cert_file": self.client_cert_file,
            "ssl_key_file": self.client_key_file,
        }

    def allow(self, user: str, kind: str, prefix: str, *operations: str) -> None:
        """On everything of that kind (topic, group, transactional_id) whose name begins with the prefix."""
        pattern = ResourcePattern(ResourceType[kind.upper()], prefix, ACLResourcePatternType.PREFIXED)
        rules = [
            ACL(f"User:{user}", "*", ACLOperation[operation.upper()], ACLPermissionType.ALLOW, pattern)
            for operation in operations
        ]
        admin = KafkaAdminClient(bootstrap_servers=self.direct)
        try:
            admin.create_acls(rules)
        finally:
            admin.close()

    def listeners(self) -> dict[str, tuple[str, int, int]]:
        return {
            "CLIENT": ("SASL_SSL", self.port, self.advertised_port),
            "MUTUAL": ("SSL", self.mutual_port, self.mutual_port),
        }

    def format_options(self) -> list[str]:
        options = []
        for user in self.users:
            password = self.password_file(user).read_text(encoding="utf-8").strip()
            options += ["--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]"]
        return options
