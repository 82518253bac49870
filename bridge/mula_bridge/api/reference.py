"""The OSC reference, written from the tables: ``python -m mula_bridge.api.reference``.

Without options it prints; ``--write FILE`` writes, and ``--check FILE`` exits with 1
when the file is not what would be written.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from mula_bridge.api.addresses import DEFAULT_HOST, DEFAULT_PORT, OPT_IN, ROWS
from mula_bridge.api.conversation import ERRORS_PER_SECOND
from mula_bridge.api.echo import HOLD_S
from mula_bridge.api.readers import MAX_PATTERNS
from mula_bridge.api.subscriptions import LEASE_S, MAX_SUBSCRIBERS
from mula_bridge.control import KNOBS, Effect, Knob, print_write_or_check
from mula_bridge.osc import MAX_DEPTH, MAX_LENGTH, Argument

_EFFECTS = {
    Effect.FRAME: "next frame of the running clip",
    Effect.CLIP: "next clip",
    Effect.NOW: "at once",
}

_OPT_IN = " and ".join(f"`{address}`" for address in sorted(OPT_IN))

_HEAD = f"""\
# OSC reference

Written by `python -m mula_bridge.api.reference --write bridge/OSC.md`; edit the tables in
`mula_bridge/api/addresses.py` and `mula_bridge/control/knobs.py`, not this file.

The daemon listens for OSC over UDP on `{DEFAULT_HOST}:{DEFAULT_PORT}` (`mula run --osc HOST:PORT`).

## Examples

With `oscsend` and `oscdump` (liblo), which any OSC program can stand for:

```sh
oscdump 9001 &                                            # hear what comes back
oscsend localhost {DEFAULT_PORT} /mula/subscribe i 9001             # and send it there
oscsend localhost {DEFAULT_PORT} /mula/tags ss techno dark          # what to play
oscsend localhost {DEFAULT_PORT} /mula/knob/cfg f 3.0               # a knob, in its own unit
oscsend localhost {DEFAULT_PORT} /mula/norm/temperature f 0.4       # a knob, by its travel 0..1
oscsend localhost {DEFAULT_PORT} /mula/knob/key s C#min             # a choice, by its name
oscsend localhost {DEFAULT_PORT} /mula/knob/cfg                     # ask for a knob
oscsend localhost {DEFAULT_PORT} '/mula/knob/*/reset'               # every knob to its default
oscsend localhost {DEFAULT_PORT} /mula/generate s intro             # a job called intro
```

`mula send ADDRESS ARGUMENTS` sends one message and prints the answers. oscsend sends from a
new port every time, which renews no subscription: let it subscribe once a minute.
"""

_RULES = f"""\
## Rules

**Arguments.** `f` number, `i` whole number, `s` text; `[...]` may be left out, `...` may
repeat. Numbers may come as `i h f d`, as `T F` (1 and 0), or as digits in text. A trigger
fires on no argument, on `I`, `T` and anything but 0; it ignores 0, `F` and `N`, the release
of a button. Panic, stop and cancel, and what else stops something, fire on anything but such
a release. The text `bang`, which Pd and Max send of one, is `I`. Where leaving the argument out
asks for a value, `N` and `I` ask too. NaN, infinity, blobs and arrays are refused wherever a
value is wanted. A key may be written in any usual way: `Ebmaj`, `C#m`, `F♯ minor`. A name of
yours has 1 to 64 printable characters and no slash.

**Answers.** A value is clamped, and the effective one comes back on the address that set
it. Answers go to your subscription if you have one, else to the port you sent from and also
to the subscribed ports of your host, or, where there are none, to the daemon's feedback
targets on your host. Whoever asks for a job (generate, render, reroll, more, live, capture), or
cancels one, hears of that job to its end, at the port it asked from, unless a subscription of
its own tells it already: `/mula/job`, `/mula/progress`, `/mula/clip`, `/mula/notice`.

**Subscriptions.** `/mula/subscribe 9001` first sends everything that is set, then every
change, to port 9001 of your host. It lasts {LEASE_S:g} seconds and is renewed by any message
from the port you subscribed from, or from the subscribed port. Up to {MAX_PATTERNS} patterns choose
addresses; asking again replaces them. {_OPT_IN} comes only where a pattern matches it.
There is room for {MAX_SUBSCRIBERS} subscribers.

**Echo.** A subscriber does not hear its own change on the address that it used, unless the
effective value differs. Such a correction, and anybody else's change of a control that you
just moved, comes when your hand has been still for {HOLD_S * 1000:g} ms. A knob's other address
(`/mula/norm/NAME` when you moved `/mula/knob/NAME`) comes at once.

**Patterns.** `* ? [a-c] [!a-c] {{one,two}}`, within one part of the address, at most {MAX_LENGTH}
characters. A message to a pattern goes to every knob address that it matches.

**Errors.** `/mula/error` goes to whoever caused it, at most {ERRORS_PER_SECOND} times a second;
a device's failure goes to everybody.

**Packets.** Bundles are taken, up to {MAX_DEPTH} deep, and done at once whatever their time tag,
unless the daemon runs with `--timetags wait`. A message that cannot be read is left out of its
bundle, and named in `/mula/error`; a wrong length ends the bundle. What the daemon sends are
single messages under 1,400 bytes, unless a text of yours is longer.

**Transports.** TCP (`--osc-tcp HOST:PORT`; length-prefixed or SLIP) and websockets (the page's
port; OSCQuery's LISTEN stands for subscribing there) take the same messages, and answer on their
connection. A port in a subscription means nothing there, and the subscription lasts as long as
the connection.

**Mapped addresses.** What a mapping file binds (see `mappings/README.md`) is taken and told back
over every transport. While there are any, other addresses outside `/mula/` are ignored.

**Network.** Only this machine is let in, unless the daemon runs with `--osc` beyond loopback
and names others with `--allow`. No file path is taken over OSC.
"""


def reference() -> str:
    """The whole reference in Markdown."""
    knobs = [_knob(knob) for knob in KNOBS.values()]
    addresses = [
        [f"`{row.template}`", _arguments(row.takes), _arguments(row.gives), row.description]
        for row in ROWS
    ]
    return "\n".join(
        [
            _HEAD,
            "## Knobs\n\nThe NAME in an address. A value outside the range is clamped.\n",
            _table(("knob", "range", "default", "travel 0, 0.5, 1", "takes effect", ""), knobs),
            "## Addresses\n\nA dash: nothing is taken, or nothing is sent, on this address.\n",
            _table(("address", "you send", "you get", ""), addresses),
            _RULES,
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print, write or check the reference; the exit status."""
    parser = argparse.ArgumentParser(prog="mula_bridge.api.reference", description=__doc__)
    return print_write_or_check(parser, lambda _: reference(), argv)


def _knob(knob: Knob) -> list[str]:
    travel = ", ".join(_value(knob.from_norm(at)) for at in (0.0, 0.5, 1.0))
    low, high = (knob.coerce(end) for end in (knob.minimum, knob.maximum))
    span = f"{_value(low)} to {_value(high)} {knob.unit}".rstrip()
    default = _value(knob.default)
    return [f"`{knob.name}`", span, default, travel, _EFFECTS[knob.effect], knob.description]


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _arguments(arguments: tuple[Argument, ...] | None) -> str:
    if arguments is None:
        return "-"
    return " ".join(f"`{_argument(argument)}`" for argument in arguments)


def _argument(argument: Argument) -> str:
    tag = argument.tag()
    text = argument.name if tag in ("any", argument.name) else f"{tag} {argument.name}"
    text += "..." if argument.repeats else ""
    return f"[{text}]" if argument.optional else text


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [heads, ["---"] * len(heads), *rows]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
