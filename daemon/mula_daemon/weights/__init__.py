"""Where weights come from: releases, the hub, and how they are pulled."""

from mula_daemon.weights.hub import Hub
from mula_daemon.weights.pull import GB, PullProgress, pull, read_record, write_record
from mula_daemon.weights.releases import CODEC, MODEL, RELEASES, Release, default_place, release

__all__ = [
    "CODEC", "GB", "MODEL", "RELEASES", "Hub", "PullProgress", "Release", "default_place", "pull",
    "read_record", "release", "write_record",
]  # fmt: skip
