"""The Pure Data twin of the Max for Live device: the same conversation, in vanilla objects.

``python -m mula_bridge.surfaces.pure_data --write bridge/pd/mula.pd`` writes the patch from the
knob table; ``--check`` says whether that file is up to date. The patch is also an abstraction
``[mula PORT]``: what comes into its inlet moves its controls as a hand would (``cfg 3``,
``generate``), and its outlet gives everything that the daemon says, without the ``mula`` in
front, and of its own ``state connected``, ``state gone`` and ``loaded FRAMES``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

from mula_bridge.api import DEFAULT_HOST, DEFAULT_PORT
from mula_bridge.control import KNOBS, print_write_or_check
from mula_bridge.surfaces.wires import Port, Wires

PORTS: Final = (7900, 7999)
"""Each patch listens on one of these."""
_PING_MS: Final = 3000
_CONNECT_MS, _SELF_MS = 50, 300
_MISSES: Final = 2
"""Pings without an answer before the daemon counts as gone."""
_LOOK: Final = "#e8e8e8 #d06010 #000000"
_ROW: Final = 24
_COLUMN: Final = 380
_BUTTONS: Final = {
    "generate": "generate", "cancel": "cancel", "panic": "panic", "prev": "audition prev",
    "play": "audition play", "next": "audition next", "stop": "audition stop",
    "keep": "audition keep", "reject": "audition reject",
}  # fmt: skip
_PROMPTS: Final = {"tags": "tags", "tags_b": "tags b"}
_LINES: Final = ("state", "tags-now", "tags-b-now", "job", "file", "error")
"""What the daemon says, each shown in a line."""


class Canvas(Wires[int]):
    """The boxes and cords of one window; ``name`` is a subpatch's.

    The format is the one that Pd's manual describes: a record a line, boxes numbered in the order
    in which they come, cords by those numbers.
    """

    def __init__(self, width: int, height: int, name: str = "") -> None:
        super().__init__()
        self._head = f"#N canvas 60 60 {width} {height} {name or 10}{' 0' if name else ''};"
        self._name = name
        self._boxes: list[str] = []

    def add(self, record: str) -> int:
        """A record such as ``obj 10 20 netsend``; its number."""
        self._boxes.append(f"#X {record};")
        return len(self._boxes) - 1

    def obj(self, x: int, y: int, text: str) -> int:
        """An object box."""
        return self.add(f"obj {x} {y} {text}")

    def msg(self, x: int, y: int, text: str) -> int:
        """A message box."""
        return self.add(f"msg {x} {y} {text}")

    def text(self, x: int, y: int, words: str) -> int:
        """A comment."""
        return self.add(f"text {x} {y} {words}")

    def subpatch(self, x: int, y: int, inside: Canvas) -> int:
        """Another canvas as a box of this one."""
        self._boxes.append(f"{inside.body()}\n#X restore {x} {y} pd {inside._name};")
        return len(self._boxes) - 1

    def body(self) -> str:
        """Its records, without a newline at the end."""
        cords = [f"#X connect {a.box} {a.number} {b.box} {b.number};" for a, b in self.cords]
        return "\n".join([self._head, *self._boxes, *cords])

    def __str__(self) -> str:
        return self.body() + "\n"


def patch() -> str:
    """The text of ``mula.pd``; the same for the same tables."""
    made = Canvas(720, 140 + _ROW * len(KNOBS))
    made.text(10, 8, "mula plays the mulabridge daemon. Start that with: mula run")
    for index, knob in enumerate(KNOBS.values()):
        y = 44 + _ROW * index
        made.text(10, y - 2, knob.name)
        if not knob.choices:
            low, high = knob.taper.at(0), knob.taper.at(1)
            names = rf"\$0-hand-{knob.name} \$0-show-{knob.name}"
            slider = f"hsl 120 15 {low:g} {high:g} 0 0 {names} empty -2 -8 0 10"
            made.obj(130, y, f"{slider} {_LOOK} 0 1")
        _field(made, "symbolatom" if knob.choices else "floatatom", 260, y, 9, knob.name)
    for index, name in enumerate(_PROMPTS):
        made.text(_COLUMN, 42 + _ROW * index, name.replace("_", " "))
        _field(made, "symbolatom", _COLUMN + 70, 44 + _ROW * index, 30, name)
    for index, name in enumerate(_BUTTONS):
        x, y = _COLUMN + 100 * (index % 3), 104 + _ROW * (index // 3)
        look = rf"bng 17 250 50 0 \$0-hand-{name} empty {name} 22 8 0 12 {_LOOK}"
        made.obj(x, y, look)
    for index, name in enumerate(_LINES):
        y = 186 + _ROW * index
        made.text(_COLUMN, y - 2, name)
        made.add(rf"listbox {_COLUMN + 90} {y} 28 0 0 0 - \$0-show-{name} - 0")
    y = 190 + _ROW * len(_LINES)
    made.text(_COLUMN, y - 2, "done")
    bar = rf"hsl 200 12 0 1 0 0 empty \$0-show-progress empty -2 -8 0 10 {_LOOK} 0 1"
    made.obj(_COLUMN + 90, y, bar)
    y += _ROW + 6
    bang = rf"bng 17 250 50 0 \$0-play-clip empty the_newest_clip 22 8 0 12 {_LOOK}"
    made.obj(_COLUMN, y, bang)
    made.subpatch(_COLUMN, y + 34, _wiring())
    made.subpatch(_COLUMN + 80, y + 34, _conversation())
    made.subpatch(_COLUMN + 220, y + 34, _clip())
    y = 54 + _ROW * len(KNOBS)
    made.chain(made.obj(10, y, "inlet"), made.obj(10, y + _ROW, r"s \$0-moves"))
    made.chain(made.obj(130, y, r"r \$0-heard"), made.obj(130, y + _ROW, "outlet"))
    return str(made)


def _field(made: Canvas, kind: str, x: int, y: int, width: int, name: str) -> None:
    made.add(rf"{kind} {x} {y} {width} 0 0 0 - \$0-show-{name} \$0-hand-{name} 0")


def _wiring() -> Canvas:
    """What a control sends, and what it shows. Only ``set`` goes to a control from the daemon:
    it must not go out again."""
    made = Canvas(900, 700, "wiring")
    names = [*KNOBS, *_PROMPTS, *_BUTTONS]
    moves = made.obj(10, 10, r"r \$0-moves")
    moved = made.obj(10, 34, "route " + " ".join(names))
    made.cord(moves, moved)
    heard = made.obj(460, 10, r"r \$0-heard")
    told = made.obj(460, 34, "route knob tags job progress clip error state")
    knobs = made.obj(460, 58, "route " + " ".join(KNOBS))
    made.chain(heard, told, knobs)
    for index, name in enumerate(names):
        y = 90 + _ROW * index
        address = f"knob {name}" if name in KNOBS else (_PROMPTS | _BUTTONS)[name]
        made.cord(Port(moved, index), made.obj(10, y, rf"s \$0-hand-{name}"))
        hand = made.obj(150, y, rf"r \$0-hand-{name}")
        made.chain(hand, made.obj(250, y, "list"), made.obj(290, y, f"oscformat mula {address}"),
                   _out(made, 420, y))  # fmt: skip
        if name in KNOBS:
            show = _show(made, 540, y, name)
            made.cord(hand, show)
            made.cord(Port(knobs, index), show)
    y = 90 + _ROW * len(names)
    prompts = made.obj(460, y, "route b")
    made.cord(Port(told, 1), prompts)
    shown = {
        "tags-b-now": Port(prompts, 0), "tags-now": Port(prompts, 1), "job": Port(told, 2),
        "file": Port(told, 4), "error": Port(told, 5), "state": Port(told, 6),
    }  # fmt: skip
    for index, (name, source) in enumerate(shown.items()):
        made.cord(source, _show(made, 540, y + _ROW * (index + 1), name))
    y += _ROW * (len(shown) + 1)
    progress = made.chain(Port(told, 3), made.obj(460, y, "unpack s f"))
    made.cord(Port(progress, 1), _show(made, 540, y, "progress"))
    return made


def _conversation() -> Canvas:
    """Finds a port, greets the daemon, and notices when it goes and comes back."""
    made = Canvas(760, 640, "conversation")

    def out(source: int | Port[int], x: int, y: int) -> None:
        made.cord(source, _out(made, x, y))

    state = _tell(made, 330, 726, "state")

    # To the daemon: everything goes through one socket.
    load = made.obj(10, 10, "loadbang")
    to_daemon = made.obj(10, 106, "netsend -u -b")
    given = made.chain(load, made.obj(10, 34, r"f \$1"), made.obj(10, 58, "sel 0"))
    connect = made.msg(120, 82, rf"connect {DEFAULT_HOST} \$1")
    made.chain(given, made.msg(10, 82, f"{DEFAULT_PORT}"), connect, to_daemon)
    made.cord(Port(given, 1), connect)
    made.chain(made.obj(260, 34, r"r \$0-out"), made.obj(260, 58, "list prepend send"),
               made.obj(260, 82, "list trim"), to_daemon)  # fmt: skip

    # A port of our own: take one, send a word to ourselves there, and see whether it arrives.
    take = made.obj(10, 150, r"r \$0-take")
    made.cord(load, take_first := made.obj(120, 150, "t b b"))
    # Pd's dice fall alike in every process: how late a timer comes seeds them.
    clock = made.obj(330, 34, "realtime")
    made.chain(Port(take_first, 1), clock)
    made.chain(take_first, made.obj(120, 174, "delay 20"), begin := made.obj(120, 198, "t b b b"))
    made.cord(Port(begin, 2), Port(clock, 1))
    seed = made.chain(clock, made.obj(330, 58, "* 100000"), made.obj(330, 82, "int"),
                      made.msg(330, 106, r"seed \$1"))  # fmt: skip
    dice = made.chain(Port(begin, 1), made.obj(230, 150, "random 1e+06"))
    made.cord(seed, dice)
    made.cord(dice, made.obj(230, 174, r"v \$0-token"))
    made.cord(begin, made.obj(120, 222, r"s \$0-take"))
    steps = made.obj(10, 174, "t b b b b")
    made.cord(take, steps)
    made.chain(Port(steps, 3), made.msg(430, 198, "0"), made.obj(430, 222, r"v \$0-self"))
    port = made.obj(330, 246, r"v \$0-port")
    ports = made.obj(330, 198, f"random {PORTS[1] - PORTS[0] + 1}")
    made.cord(seed, ports)
    drawn = made.chain(Port(steps, 2), ports, made.obj(330, 222, f"+ {PORTS[0]}"),
                       made.obj(430, 246, "t f f"))  # fmt: skip
    made.cord(Port(drawn, 1), port)
    listen = made.obj(430, 294, "netreceive -u -b")
    made.chain(drawn, made.msg(430, 270, r"listen \$1"), listen)
    to_self = made.obj(120, 318, "netsend -u -b")
    again = made.chain(Port(steps, 1), made.obj(120, 246, "t b b"))
    made.chain(Port(again, 1), made.msg(200, 270, "disconnect"), to_self)
    made.chain(again, made.obj(120, 270, r"v \$0-port"),
               made.msg(120, 294, rf"connect {DEFAULT_HOST} \$1"), to_self)  # fmt: skip
    late = made.obj(10, 246, "t b b")
    made.cord(steps, late)
    made.chain(Port(late, 1), made.obj(10, 342, f"delay {_CONNECT_MS}"),
               made.obj(10, 366, r"v \$0-token"), made.obj(10, 390, "oscformat mula self"),
               made.obj(10, 414, "list prepend send"), made.obj(10, 438, "list trim"),
               to_self)  # fmt: skip
    checked = made.chain(late, made.obj(120, 342, f"delay {_SELF_MS}"),
                         made.obj(120, 366, r"v \$0-self"),
                         made.obj(120, 390, "sel 1"))  # fmt: skip
    made.chain(Port(checked, 1), made.obj(180, 414, "t b"), made.obj(180, 438, r"s \$0-take"))
    metro = made.obj(120, 462, f"metro {_PING_MS}")
    made.chain(checked, made.msg(120, 438, "1"), metro)

    # What comes in: words to ourselves, pongs, and all the rest.
    words = made.chain(listen, made.obj(430, 318, "oscparse"), made.obj(430, 342, "list trim"),
                       made.obj(430, 366, "route mula"),
                       made.obj(430, 390, "route self pong"))  # fmt: skip
    made.cord(Port(words, 2), made.obj(620, 414, r"s \$0-heard"))
    for index, then in ((0, r"v \$0-self"), (1, r"s \$0-pong")):
        x = 430 + 100 * index
        same = made.obj(x, 438, "==")
        both = made.obj(x, 414, "t f b")
        made.chain(Port(words, index), both, same)
        made.chain(Port(both, 1), made.obj(x + 50, 414, r"v \$0-token"), Port(same, 1))
        made.chain(same, made.obj(x, 462, "sel 1"), made.msg(x, 486, "1"), made.obj(x, 510, then))

    # Every few seconds a ping; while nobody answers we only ask for the answers to it.
    tick = made.obj(10, 486, "t b b b")
    made.cord(metro, tick)
    missed = made.chain(Port(tick, 2), made.obj(120, 510, r"v \$0-missed"),
                        made.obj(120, 534, "+ 1"), made.obj(120, 558, "t f f"))  # fmt: skip
    made.cord(Port(missed, 1), made.obj(200, 582, r"v \$0-missed"))
    gone = made.chain(missed, made.obj(120, 582, f"> {_MISSES}"), made.obj(120, 606, "sel 1"),
                      made.obj(120, 630, r"t b b b b"))  # fmt: skip
    made.chain(Port(gone, 3), made.msg(300, 654, "0"), metro)
    zero = made.msg(230, 654, "0")
    made.chain(Port(gone, 2), zero, made.obj(230, 678, r"v \$0-missed"))
    made.cord(zero, made.obj(230, 702, r"v \$0-connected"))
    made.chain(Port(gone, 1), made.msg(330, 702, "gone"), state)
    made.cord(gone, made.obj(120, 678, r"s \$0-take"))
    asks = made.chain(Port(tick, 1), made.obj(10, 702, r"v \$0-connected"),
                      made.obj(10, 726, "sel 0"), made.obj(10, 750, r"v \$0-port"),
                      made.msg(10, 774, r"\$1 /mula/pong"),
                      made.obj(10, 798, "oscformat mula subscribe"))  # fmt: skip
    out(asks, 10, 822)
    pings = made.chain(
        tick, made.obj(230, 750, r"v \$0-token"), made.obj(230, 774, "oscformat mula ping")
    )
    out(pings, 230, 798)

    # The first pong: the daemon is there, subscribe to everything.
    pong = made.chain(made.obj(530, 560, r"r \$0-pong"), made.obj(530, 584, "t b b"))
    made.chain(Port(pong, 1), made.msg(610, 608, "0"), made.obj(610, 632, r"v \$0-missed"))
    first = made.chain(pong, made.obj(530, 632, r"v \$0-connected"), made.obj(530, 656, "sel 0"),
                       made.obj(530, 680, "t b b b"))  # fmt: skip
    made.chain(Port(first, 2), made.msg(650, 704, "1"), made.obj(650, 728, r"v \$0-connected"))
    everything = made.chain(Port(first, 1), made.obj(590, 752, r"v \$0-port"),
                            made.obj(590, 776, "oscformat mula subscribe"))  # fmt: skip
    out(everything, 590, 800)
    made.chain(first, made.msg(530, 824, "connected"), state)
    return made


def _clip() -> Canvas:
    """Loads every clip as it lands, and plays the newest one on demand."""
    made = Canvas(460, 300, "clip")
    made.obj(10, 10, r"table \$0-left 100")
    made.obj(150, 10, r"table \$0-right 100")
    # /mula/clip/status begins alike and is something else.
    clip = made.chain(made.obj(10, 40, r"r \$0-heard"), made.obj(10, 64, "route clip"),
                      made.obj(90, 64, "route status"))  # fmt: skip
    path = made.chain(Port(clip, 1), made.obj(10, 88, "unpack s s"))
    names = made.obj(10, 112, r"list append \$0-left \$0-right")
    read = made.msg(10, 136, r"read -resize \$1 \$2 \$3")
    frames = made.chain(Port(path, 1), names, read, made.obj(10, 160, "soundfiler"))
    made.cord(frames, _tell(made, 150, 160, "loaded"))
    bang = made.obj(10, 220, r"r \$0-play-clip")
    out = made.obj(10, 268, "dac~")
    for index, side in enumerate(("left", "right")):
        play = made.obj(10 + 140 * index, 244, rf"tabplay~ \$0-{side}")
        made.cord(bang, play)
        made.cord(play, Port(out, index))
    return made


def _show(made: Canvas, x: int, y: int, name: str) -> int:
    """The first of the boxes that set a control without its sending anything."""
    first = made.obj(x, y, "list prepend set")
    made.chain(
        first, made.obj(x + 120, y, "list trim"), made.obj(x + 190, y, rf"s \$0-show-{name}")
    )
    return first


def _tell(made: Canvas, x: int, y: int, name: str) -> int:
    """The first of the boxes that say something of our own at the outlet, beside the daemon's."""
    first = made.obj(x, y, f"list prepend {name}")
    made.chain(first, made.obj(x, y + 24, "list trim"), made.obj(x, y + 48, r"s \$0-heard"))
    return first


def _out(made: Canvas, x: int, y: int) -> int:
    return made.obj(x, y, r"s \$0-out")


def main(argv: Sequence[str] | None = None) -> int:
    """Print, write or check the patch; the exit status."""
    parser = argparse.ArgumentParser(prog="mula_bridge.surfaces.pure_data", description=__doc__)
    return print_write_or_check(parser, lambda _: patch(), argv)


if __name__ == "__main__":
    raise SystemExit(main())
