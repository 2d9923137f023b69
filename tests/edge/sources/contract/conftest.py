"""The two kinds of source of sound."""

import pytest

from tests.edge.sources.contract.audio_sources import Sources


@pytest.fixture(params=["alsa", "replay"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[True, False], ids=["reference", "direct"])
def sources(kind, request, tmp_path, alsa_card):
    made = Sources(kind, tmp_path, alsa_card, request.param)
    yield made
    for source in made.opened:
        source.close()


@pytest.fixture
def source(kind, tmp_path, alsa_card):
    """Only with a reference channel, for what does not depend on it."""
    made = Sources(kind, tmp_path, alsa_card, True)
    yield made
    for opened in made.opened:
        opened.close()
