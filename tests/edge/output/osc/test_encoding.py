"""Our bytes against those of a library made for the format."""

import struct

import pytest

from edge.output.osc.encoding import MOST_BYTES, bundles, head

builders = pytest.importorskip("pythonosc.osc_message_builder", reason="python-osc is missing")
packets = pytest.importorskip("pythonosc.osc_packet")


@pytest.mark.parametrize("text", ["", "a", "Hip", "Hips", "LeftUpperArm", "Küche"])
def test_a_message_is_the_librarys(text: str) -> None:
    builder = builders.OscMessageBuilder(address="/VMC/Ext/Bone/Pos")
    builder.add_arg(text)
    builder.add_arg(-0.25)
    builder.add_arg(3)
    ours = head("/VMC/Ext/Bone/Pos", "sfi", text) + struct.pack(">fi", -0.25, 3)
    assert ours == builder.build().dgram


def test_types_must_begin_with_the_texts() -> None:
    with pytest.raises(ValueError, match="come first"):
        head("/a", "fs", "b")


@pytest.mark.parametrize("count", [0, 1, 16, 17, 60])
def test_bundles_hold_all_messages_in_order_and_fit_into_a_packet(count: int) -> None:
    messages = [head("/number", "i") + struct.pack(">i", k) for k in range(count)]
    sent = list(bundles(messages * 3))
    assert all(len(packet) <= MOST_BYTES for packet in sent)
    heard = [m.message.params[0] for p in sent for m in packets.OscPacket(p).messages]
    assert heard == [*range(count)] * 3
    assert len(sent) == max(1, -(-count * 3 * (4 + len(messages[0]) if messages else 0) // 1384))
