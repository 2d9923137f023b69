"""Which Host headers name this page: others come from a name that somebody else pointed here (DNS
rebinding), whose page must not read the sensor's.
"""

import ipaddress
import re
import socket


class OwnHosts:
    """`header in OwnHosts(...)`. host: as configured. port: of the page. any_address: the page is
    not on loopback only, so every IP address and the machine's own names are allowed too.
    """

    def __init__(self, host: str, port: int, *, any_address: bool) -> None:
        names = {host, "localhost", "127.0.0.1", "[::1]"} - {""}
        if any_address:
            full = socket.gethostname()
            short = full.partition(".")[0]
            names |= {full, short, f"{short}.local"}
        ends = [f":{port}", ""] if port == 80 else [f":{port}"]
        self._headers = {f"{name.lower()}{end}" for name in names for end in ends}
        self._any_address = any_address

    def __contains__(self, header: object) -> bool:
        if not isinstance(header, str):
            return False
        return header.lower() in self._headers or (self._any_address and _is_address(header))


def _is_address(header: str) -> bool:
    """Whether it is an IP address, with or without port: rebinding needs a name."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?", header)
    try:
        ipaddress.ip_address((found[1] or found[2]) if found else "")
    except ValueError:
        return False
    return True
