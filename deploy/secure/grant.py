"""Gives every user a password and the least rights: one-shot of compose.secure.yml, does no harm when repeated.

`grant.py HOST:PORT` connects with the administrator's certificate to the listener that asks for one. Rights are a list
here, and docs/security.md shows the same list to people. A user's password is a file, and is in no argument list.
"""

import sys
from pathlib import Path
from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    UserScramCredentialUpsertion,
)

SECRETS = Path("/run/secrets")
ITERATIONS = 8192
TOPICS = "telemetry."  # kafka.topic_prefix and the dot
GROUP = "gruard"  # kafka.group; transactional ids are <group>-<slot>


class Right(NamedTuple):
    user: str
    kind: str  # topic, group, transactional_id, cluster
    name: str
    operations: str
    pattern: str = "literal"  # or prefixed


RIGHTS = (
    # `gruard topics --create`: makes what is missing, looks at the rest, changes nothing that is there.
    Right("topics", "topic", TOPICS, "create describe describe_configs", "prefixed"),
    # A worker: reads readings and its own state and journal, writes what it finds. It can't write a reading.
    Right("detector", "topic", f"{TOPICS}readings.v1", "read describe_configs"),
    Right("detector", "topic", f"{TOPICS}state.v1", "read write describe_configs"),
    Right("detector", "topic", f"{TOPICS}control.v1", "read write describe_configs"),
    Right("detector", "topic", f"{TOPICS}alerts.v1", "write describe_configs"),
    Right("detector", "topic", f"{TOPICS}deadletters.v1", "write describe_configs"),
    Right("detector", "group", GROUP, "read"),
    Right("detector", "transactional_id", f"{GROUP}-", "write", "prefixed"),
    # Whoever sends readings; to read is for `gruard fleet --resume`, which goes on after the last one.
    Right("fleet", "topic", f"{TOPICS}readings.v1", "read write"),
    # Whoever tells people of alerts, in a group of its own.
    Right("notify", "topic", f"{TOPICS}alerts.v1", "read"),
    Right("notify", "group", f"{GROUP}-notify", "read", "prefixed"),
)


def rules(right: Right) -> list[ACL]:
    kind, pattern = ResourceType[right.kind.upper()], ACLResourcePatternType[right.pattern.upper()]
    resource = ResourcePattern(kind, right.name, pattern)
    return [
        ACL(f"User:{right.user}", "*", ACLOperation[each.upper()], ACLPermissionType.ALLOW, resource)
        for each in right.operations.split()
    ]


def credential(user: str) -> UserScramCredentialUpsertion:
    password = (SECRETS / f"{user}.password").read_text(encoding="utf-8").strip("\r\n")
    return UserScramCredentialUpsertion(user, "SCRAM-SHA-512", password, iterations=ITERATIONS)


def main(address: str) -> int:
    users = list(dict.fromkeys(right.user for right in RIGHTS))
    admin = KafkaAdminClient(
        bootstrap_servers=address,
        security_protocol="SSL",
        ssl_cafile=str(SECRETS / "ca.pem"),
        ssl_certfile=str(SECRETS / "admin.pem"),
    )
    try:
        told = admin.alter_user_scram_credentials([credential(user) for user in users])
        made = admin.create_acls([rule for right in RIGHTS for rule in rules(right)])
    finally:
        admin.close()
    refused = [f"{user}: {why}" for user, why in told.items() if why]
    refused += [f"{rule}: {why}" for rule, why in made["failed"]]
    print(f"{len(users)} users, {len(made['succeeded'])} rights", *refused, sep="\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
