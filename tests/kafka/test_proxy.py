"""The faulty network against a real broker that knows no other address than the proxy's."""

import socket
import time
from collections.abc import Iterator

import pytest
from kafka.errors import KafkaTimeoutError

from tests.kafka.broker import HOST, Broker
from tests.kafka.clients import create, read, send
from tests.kafka.proxy import Proxy, proxied

Network = tuple[Broker, Proxy]


@pytest.fixture(scope="module")
def network(kafka_here: None) -> Iterator[Network]:
    with proxied() as network:
        yield network


@pytest.fixture(autouse=True)
def _healed(network: Network) -> Iterator[None]:
    yield
    network[1].heal()


def test_clients_stay_behind_the_proxy_whatever_address_they_began_with(network: Network, prefix: str) -> None:
    broker, proxy = network
    create(broker.bootstrap, prefix)
    proxy.cut()
    with pytest.raises(KafkaTimeoutError):
        send(f"{HOST}:{broker.port}", prefix, [b"lost"], max_block_ms=2000)
    send(broker.direct, prefix, [b"past it"])
    proxy.heal()
    send(broker.bootstrap, prefix, [b"healed"])
    assert read(broker.bootstrap, prefix, 2) == [b"past it", b"healed"]


def test_a_cut_breaks_connections_and_refuses_new_ones(network: Network) -> None:
    _, proxy = network
    with connected(proxy) as before:
        proxy.cut()
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)
        assert ended(before)
        proxy.heal()
        connected(proxy).close()


def test_half_open_swallows_without_closing_until_it_heals(network: Network) -> None:
    _, proxy = network
    with connected(proxy) as before:
        proxy.half_open()
        with connected(proxy) as after:
            for connection in (before, after):
                connection.settimeout(1)
                connection.sendall(API_VERSIONS)
                with pytest.raises(TimeoutError):
                    connection.recv(1)
            proxy.heal()
            assert ended(before)
            assert ended(after)


def test_a_delay_holds_in_both_directions_and_loses_nothing(network: Network) -> None:
    _, proxy = network
    proxy.delay(0.5)
    with connected(proxy) as connection:
        start = time.monotonic()
        connection.sendall(API_VERSIONS)
        assert connection.recv(4)
        assert time.monotonic() - start >= 1.0


# Size, key 18, version 0, correlation 1, no client id: the one request a broker answers to anybody.
API_VERSIONS = bytes.fromhex("0000000a 0012 0000 00000001 ffff".replace(" ", ""))


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), 10)


def ended(connection: socket.socket) -> bool:
    connection.settimeout(10)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
