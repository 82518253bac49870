"""Where weights come from: releases, the hub, and how they are pulled."""

from mula_daemon.weights.content import flaw, is_hidden, metadata_of, tensors_of
from mula_daemon.weights.hub import Hub
from mula_daemon.weights.pull import (
    ASIDE,
    GB,
    RECORD,
    PullProgress,
    begin,
    is_half_replaced,
    pull,
    read_record,
    set_aside,
    write_record,
)
from mula_daemon.weights.releases import (
    CODEC,
    MODEL,
    RELEASES,
    RL_MODEL,
    WEIGHTS,
    Release,
    default_place,
    named_place,
    release,
)

__all__ = [
    "ASIDE",
    "CODEC",
    "GB",
    "MODEL",
    "RECORD",
    "RELEASES",
    "RL_MODEL",
    "WEIGHTS",
    "Hub",
    "PullProgress",
    "Release",
    "begin",
    "default_place",
    "flaw",
    "is_half_replaced",
    "is_hidden",
    "metadata_of",
    "named_place",
    "pull",
    "read_record",
    "release",
    "set_aside",
    "tensors_of",
    "write_record",
]  # fmt: skip
