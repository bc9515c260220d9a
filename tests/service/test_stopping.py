"""The first signal asks, the second does not wait: in a process that takes its time, as a user would end it."""

import signal
import subprocess
import sys
import textwrap

import pytest

from tests.service.cli import environment

SLOW = textwrap.dedent("""
    import sys, threading, time
    from service.stopping import signals
    stop = threading.Event()
    with signals(stop):
        print("ready", flush=True)
        stop.wait()
        print("leaving", flush=True)
        try:
            time.sleep(float(sys.argv[1]))
        finally:
            print("left", flush=True)
    print("done", flush=True)
""")


def ended(*sent: int, takes_s: float = 600.0) -> tuple[int, list[str]]:
    """Exit code, and what was said after each signal."""
    command = [sys.executable, "-c", SLOW, str(takes_s)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(sent[0])
        assert process.stdout.readline() == b"leaving\n"
        for number in sent[1:]:
            process.send_signal(number)
        out, _ = process.communicate(timeout=60)
        return process.returncode, out.decode().split()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_is_an_orderly_end(number):
    assert ended(number, takes_s=0.1) == (0, ["left", "done"])


def test_a_second_sigterm_is_an_end_at_once():
    assert ended(signal.SIGTERM, signal.SIGTERM) == (0, [])
    assert ended(signal.SIGINT, signal.SIGTERM) == (0, [])


def test_a_second_ctrl_c_leaves_in_a_hurry():
    code, said = ended(signal.SIGINT, signal.SIGINT)
    assert code != 0
    assert "done" not in said
