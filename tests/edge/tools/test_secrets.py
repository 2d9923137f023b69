"""No command and no answer shows the password in a configuration."""

import json
from pathlib import Path

import pytest

from edge.__main__ import main
from edge.core.config import load_config
from edge.core.errors import PosekernelError
from tests.support.config_files import GOOD, write

SECRET = "s3cr3t-horse"
CASES = {
    "broker": GOOD + f'[mqtt]\nhost = "mqtt://bob:{SECRET}@broker"\n',
    "broker without a scheme": GOOD + f'[mqtt]\nhost = "bob:{SECRET}@broker"\n',
    "camera": GOOD.replace("/dev/video0", f"rtsp://bob:{SECRET}@127.0.0.1/1"),
    "a wrong back-end": GOOD.replace('"v4l2"', f'"rtsp://bob:{SECRET}@h"'),
    "pipeline": GOOD.replace('"v4l2"', '"gstreamer"').replace(
        "/dev/video0", f"rtspsrc location=rtsp://h/ user-pw={SECRET} ! fakesink"
    ),
    "page": GOOD + f'[web]\nenabled = true\nwebsocket_url = "ws://bob:{SECRET}@h/"\n',
    "an unknown key": GOOD + f'[mqtt]\npassword = "{SECRET}"\n',
}


@pytest.mark.parametrize("case", CASES)
def test_secrets_are_masked_everywhere(
    case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = str(write(tmp_path, CASES[case]))
    for command in (
        ["doctor", "--config", config],
        ["doctor", "--config", config, "--json"],
        ["run", "--config", config, "--seconds", "1"],
        ["config", "--check", config],
    ):
        assert main(command) in (0, 1, 2)
        out, err = capfd.readouterr()
        assert SECRET not in out + err, command
        if "--json" in command:
            json.loads(out)


@pytest.mark.parametrize("case", ["broker", "broker without a scheme"])
def test_a_url_for_a_host_is_refused_with_the_keys_to_use(case: str, tmp_path: Path) -> None:
    with pytest.raises(PosekernelError, match=r"mqtt\.host: found .*only .*name or address") as e:
        load_config(write(tmp_path, CASES[case]))
    assert SECRET not in str(e.value)
