"""Nothing leaves a machine that the user did not ask for, with none of the libraries' switches set beforehand."""

import pytest

from tests.reliability.cases import Cases
from tests.reliability.conftest import Lonely

pytestmark = [pytest.mark.reliability("phoning-home"), pytest.mark.slow]


def test_no_verb_sends_a_packet_to_anywhere(lonely: Lonely, cases: Cases) -> None:
    if lonely.packets is None:
        pytest.skip("no network of our own can be made here: that takes `ip`, `unshare` and /dev/net/tun")
    cases.add(len(lonely.found["codes"]) + 1)
    assert set(lonely.found["codes"].values()) == {0}
    assert lonely.packets == []
