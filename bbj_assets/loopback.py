"""Which hosts are this machine itself, so that no proxy of the environment may stand in between.

The names are those of RFC 6761, section 6.3: `localhost`, and every name that ends in `.localhost`. The addresses are
those of Python's `ipaddress`: 127.0.0.0/8 (RFC 1122, section 3.2.1.3) and ::1 (RFC 4291, section 2.5.3).
"""

import ipaddress


def is_loopback(host: str) -> bool:
    """Return whether a host name or IP address, without brackets or port, is this machine. No name is resolved."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        name = host.lower()
        return name == "localhost" or name.endswith(".localhost")
