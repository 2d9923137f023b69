"""The shipped arrays and boards: each number with its source, each array with its ALSA file."""

import sys
from pathlib import Path

import msgspec
import pytest

from edge.core.profiles import (
    FIRMWARE_CONFIG,
    Level,
    Span,
    Whole,
    load_array,
    load_board,
    names,
    pairs,
)
from tests.support.waiting import finished


def test_there_are_the_arrays_and_boards_that_are_sold() -> None:
    assert len(names("arrays")) == 6
    assert len(names("boards")) == 4
    assert sum(bool(reason) for _, _, reason in pairs()) == 11


def test_the_package_keeps_every_usb_array_awake() -> None:
    rules = (FIRMWARE_CONFIG.parent / "deploy/debian/posekernel.udev").read_text()
    arrays = [load_array(name) for name in names("arrays")]
    usb = [array.usb_id.split(":") for array in arrays if array.usb_id]
    assert len(usb) == 2
    for vendor, product in usb:
        assert f'ATTR{{idVendor}}=="{vendor}", ATTR{{idProduct}}=="{product}"' in rules


def test_a_board_that_was_never_put_together_is_refused_with_the_reasons() -> None:
    unsupported = {name for name in names("boards") if load_board(name).unsupported}
    assert unsupported == {"jetson-orin-nano"}
    refusals = [reason for _, board, reason in pairs() if board in unsupported]
    assert len(refusals) == len(names("arrays"))
    for reason in refusals:
        assert "not supported yet" in reason
        assert "Python 3.10" in reason
        assert "GStreamer" in reason
        assert "/tmp/argus_socket" in reason
        assert "Tegra device nodes" in reason


def test_every_number_names_a_source_and_none_is_called_measured() -> None:
    for kind, load in (("arrays", load_array), ("boards", load_board)):
        for name in names(kind):
            profile = load(name)
            facts = [
                f
                for f in msgspec.structs.asdict(profile).values()
                if isinstance(f, Whole | Span | Level)
            ]
            facts += [*getattr(profile, "mics", ()), *getattr(profile, "refusals", ())]
            known = {s.id for s in profile.sources}
            assert len(facts) >= 2
            assert {f.source for f in facts} <= known
            assert not any(f.verified for f in facts), (
                "nothing was measured on real hardware: a change here needs a log"
            )


def test_the_microphones_levels_agree_with_each_other_where_they_are_known() -> None:
    known = {name for name in names("arrays") if load_array(name).sensitivity_dbfs}
    assert known == {"respeaker-usb-v2"}
    array = load_array("respeaker-usb-v2")
    assert array.sensitivity_dbfs is not None
    assert array.overload_db_spl is not None
    assert array.self_noise_dba is not None
    # Digital full scale is the acoustic overload, and 94 dB less the signal-to-noise ratio is left.
    assert 94.0 - array.sensitivity_dbfs.value == array.overload_db_spl.value == 120.0
    assert array.self_noise_dba.value == 94.0 - 61.0
    assert array.sensitivity_dbfs.tolerance_db == 3.0


@pytest.mark.parametrize("name", names("arrays"))
def test_alsa_reads_the_arrays_file_and_looks_for_its_card(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alsaaudio = pytest.importorskip("alsaaudio", reason="pyalsaaudio is not installed")
    text = (FIRMWARE_CONFIG / "alsa" / f"{name}.conf").read_text()
    array = load_array(name)
    assert text.count(f"card {array.card or 'Device'}\n") == (1 if array.clock == "separate" else 2)
    (tmp_path / "alsa.conf").write_text(f"</usr/share/alsa/alsa.conf>\n{text}")
    script = (
        "import alsaaudio, sys\ntry: alsaaudio.PCM(device=sys.argv[1])\n"
        "except alsaaudio.ALSAAudioError as e: print(e)\n"
    )
    del alsaaudio
    for pcm, expected in (
        ("posekernel_capture", "No such device"),
        ("posekernel_nothing", "No such file or directory"),
    ):
        monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "alsa.conf"))
        done = finished([sys.executable, "-c", script, pcm], check=True)
        assert expected in done.stdout


def test_boot_fragments_exist_for_what_needs_them() -> None:
    for name in names("arrays"):
        fragment = FIRMWARE_CONFIG / "boot" / f"{name}.txt"
        assert fragment.exists() == load_array(name).interface.startswith("i2s"), name
        if fragment.exists():
            lines = [x for x in fragment.read_text().splitlines() if x and not x.startswith("#")]
            assert all(x.startswith(("dtparam=", "dtoverlay=")) for x in lines[1:])


def test_a_boot_fragment_holds_wherever_config_txt_ends() -> None:
    """config.txt may end inside a section such as [pi4], which what is added would belong to."""
    fragments = sorted((FIRMWARE_CONFIG / "boot").glob("*.txt"))
    assert len(fragments) == 5
    for fragment in fragments:
        lines = [x for x in fragment.read_text().splitlines() if x and not x.startswith("#")]
        assert lines[0] == "[all]", fragment.name
        assert fragment.read_bytes().endswith(b"\n")
