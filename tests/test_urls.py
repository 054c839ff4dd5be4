"""What a host is."""

import pytest

from responses_tap.urls import is_loopback


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "::1"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example", "127.evil.example", "localhost.example", "a\x00b"]
)
def test_another_machine_or_all_addresses(host: str) -> None:
    assert not is_loopback(host)
