"""Open Sound Control 1.0 as bytes: messages of texts, whole numbers and fractions, in bundles.

Written here and not taken from a package because a skeleton is sent with every image: what does not
change of a message, its address, types and texts, is made once.
"""

import struct
from collections.abc import Iterator, Sequence

# What one packet of an Ethernet or WLAN carries without being cut into parts, of which any may be
# lost.
MOST_BYTES = 1400
_BUNDLE = b"#bundle\0" + struct.pack(">Q", 1)  # 1: to be used at once


def head(address: str, types: str, *texts: str) -> bytes:
    """A message up to its numbers, which follow in network order. types: as "sff", the texts first.

    Raises ValueError where types do not begin with the texts.
    """
    if types[: len(texts)] != "s" * len(texts):
        raise ValueError(f"types: found {types!r}, but {len(texts)} texts come first")
    return b"".join(_padded(text) for text in (address, f",{types}", *texts))


def bundles(messages: Sequence[bytes]) -> Iterator[bytes]:
    """All messages in their order, in as few packets of at most MOST_BYTES as they fit into."""
    packet = _BUNDLE
    for message in messages:
        element = struct.pack(">i", len(message)) + message
        if len(packet) + len(element) > MOST_BYTES and packet != _BUNDLE:
            yield packet
            packet = _BUNDLE
        packet += element
    yield packet


def _padded(text: str) -> bytes:
    """Ended by at least one zero, to a multiple of four bytes."""
    data = text.encode()
    return data + b"\0" * (4 - len(data) % 4)
