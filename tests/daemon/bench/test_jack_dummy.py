from __future__ import annotations

import tempfile

from mula_daemon.bench.jack_dummy import JackDummy

LOG = b"""JackTimedDriver::Process XRun = 1500 usec
Jack: Process: graph not finished!
JackEngine::XRun: client = jackrec was not finished, state = Triggered
JackEngine::XRun: client = jackrec was not finished, state = Running
JackEngine::XRun: client = mula was not finished, state = Running
JackTimedDriver::Process XRun = 500 usec
"""


def test_what_the_server_said_of_time_and_of_late_clients_is_counted() -> None:
    with tempfile.TemporaryFile() as log:
        server = JackDummy({}, log)
        assert (server.lost_ms(), server.late()) == (0, {})
        log.write(LOG)
        log.flush()
        assert server.lost_ms() == 2.0
        assert server.late() == {"jackrec": 2, "mula": 1}
