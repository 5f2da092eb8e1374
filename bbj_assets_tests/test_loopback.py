import pytest

from bbj_assets.loopback import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LocalHost", "app.localhost"])
def test_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "10.0.0.1", "0.0.0.0", "::2", "localhost.example.com", "mylocalhost", "127.1"])  # noqa: S104
def test_another_host_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)
