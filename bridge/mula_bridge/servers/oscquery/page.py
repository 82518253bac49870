"""The page: every address for people, live, in one file without outside resources. Pure.

The HTML is written from the namespace, so that it says what is set even where scripts are off;
a small script then listens over the websocket and sends what is moved. Whatever comes from
outside (tags, reasons, names) is escaped here and set as text there.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from typing import Final

from mula_bridge.control import KNOBS, Effect, Knob
from mula_bridge.servers.oscquery.namespace import Namespace
from mula_bridge.servers.oscquery.nodes import Access, Node, Range


def _part(ending: str) -> str:
    # As text, whose lines end in \n on every system: a browser hashes it that way.
    return files(__package__).joinpath(f"page.{ending}").read_text("utf-8")


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


STYLE: Final = _part("css")
SCRIPT: Final = _part("js")
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; script-src {_hash(SCRIPT)}; style-src {_hash(STYLE)}; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Only our script and our style run, whatever a value may contain."""

_WIDE: Final = 1000
"""A whole number with more values than this is typed, not slid to."""
_FIRST: Final = "genre_strength"
"""The knob that everything else follows."""
_EFFECTS: Final = {
    Effect.FRAME: ("Now", "heard at the next frame"),
    Effect.CLIP: ("Next clip", "heard in the next clip"),
    Effect.NOW: ("Sound", "heard at once"),
}
_BUTTONS: Final = ("/mula/generate", "/mula/more", "/mula/cancel", "/mula/stop", "/mula/panic")
_DECK_BUTTONS: Final = tuple(
    f"/mula/audition/{word}" for word in ("prev", "play", "next", "keep", "reject", "undo", "ab")
)


def page(namespace: Namespace, name: str) -> str:
    """The page for what is in the namespace now. ``name`` is its title."""
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        '<meta name=color-scheme content="light dark"><link rel=icon href="data:,">'
        f"<title>{escape(name)}</title><style>{STYLE}</style></head><body>"
        + "".join(_head(namespace, name))
        + "<main>"
        + "".join(_panels(namespace))
        + "".join(_reference(namespace))
        + f"</main><script>{SCRIPT}</script></body></html>\n"
    )


def _head(namespace: Namespace, name: str) -> Iterator[str]:
    yield f"<header><div class=bar><h1>{escape(name)}</h1>"
    yield f"<p class=state>{_live(namespace, '/mula/engine', sep=' ')}</p>"
    yield "<p id=link role=status>not connected</p></div>"
    yield "<div class=bar><div class=buttons>"
    yield from _buttons(namespace, _BUTTONS)
    yield "</div><progress max=1 value=0 data-part=/mula/progress aria-label=progress></progress>"
    yield f"<p class=state>{_live(namespace, '/mula/job', sep=' ')}</p></div>"
    troubled = _troubled(namespace)
    yield f"<p id=services role=alert{'' if troubled else ' hidden'}>{troubled}</p>"
    yield "<p id=error role=alert hidden></p></header>"


def _troubled(namespace: Namespace) -> str:
    """The part of the daemon that was heard of last, if it is not well."""
    name, state, *rest = namespace.values.get("/mula/service", ("", "well"))
    return "" if state == "well" else escape(" ".join(map(str, (name, state, *rest))))


def _buttons(namespace: Namespace, paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if path in namespace.nodes:
            word = path.rpartition("/")[2]
            yield f"<button class={word} data-send={path}>{word.capitalize()}</button>"


def _deck(namespace: Namespace) -> Iterator[str]:
    """The audition deck: what is on, what it does, and its buttons."""
    if _DECK_BUTTONS[0] not in namespace.nodes:
        return
    yield "<section><h2>Audition <small>the clip on the deck</small></h2>"
    for path in ("/mula/audition/clip", "/mula/audition/state"):
        yield f"<p class=state>{_live(namespace, path, sep=' ')}</p>"
    yield "<div class=buttons>"
    yield from _buttons(namespace, _DECK_BUTTONS)
    yield "</div></section>"


def _panels(namespace: Namespace) -> Iterator[str]:
    yield from _deck(namespace)
    for effect, (title, when) in _EFFECTS.items():
        knobs = [knob for knob in KNOBS.values() if knob.effect is effect]
        knobs.sort(key=lambda knob: knob.name != _FIRST)
        yield f"<section><h2>{title} <small>{when}</small></h2><div class=knobs>"
        for knob in knobs:
            yield from _knob(namespace, knob)
        if effect is Effect.FRAME:
            yield from _presets(namespace)
        yield "</div></section>"
    yield "<section><h2>Words <small>for the next clip</small></h2><div class='knobs wide'>"
    for node in namespace.nodes.values():
        if "text" in node.tags:
            yield from _words(namespace, node)
    yield "</div></section>"


def _knob(namespace: Namespace, knob: Knob) -> Iterator[str]:
    path, travel = f"/mula/knob/{knob.name}", f"/mula/norm/{knob.name}"
    value = namespace.values.get(path, (knob.default,))[0]
    big = " class=big" if knob.name == _FIRST else ""
    label = knob.name.replace("_", " ")
    title = f" title={_quoted(knob.description)}"
    reset = f"<button class=reset data-send={path}/reset title='to its default'>reset</button>"
    unit = f" <small>{escape(knob.unit)}</small>" if knob.unit else ""
    yield f"<div{big}><label for=k-{knob.name}{title}>{label}</label>"
    if knob.choices:
        yield f"<span></span>{reset}<select id=k-{knob.name} data-set={path} data-type=s>"
        for choice in knob.choices:
            chosen = " selected" if choice == value else ""
            yield f"<option{chosen}>{escape(choice)}</option>"
        yield "</select>"
    elif knob.integer and knob.maximum - knob.minimum > _WIDE:
        yield f"<span></span>{reset}<input id=k-{knob.name} type=number data-set={path} data-type=i"
        yield f" min={knob.minimum} max={knob.maximum} step=1 value={_quoted(value)}>"
    else:
        norm = namespace.values.get(travel, (knob.to_norm(knob.default),))[0]
        yield f"<span>{_live(namespace, path, default=knob.default)}{unit}</span>{reset}"
        yield f"<input id=k-{knob.name} type=range min=0 max=1 step=any value={_quoted(norm)}"
        yield f" data-norm={travel}>"
    yield f"<p>{escape(knob.description)}</p></div>"


def _presets(namespace: Namespace) -> Iterator[str]:
    node = namespace.nodes.get("/mula/preset/load")
    names = node.ranges[0].values if node and node.ranges and node.ranges[0] else ()
    if names:
        yield "<div class=presets><b>presets</b><div class=buttons>"
        for name in names:
            text = _quoted(name)
            yield f"<button data-send=/mula/preset/load data-text={text}>{escape(name)}</button>"
        yield "</div></div>"


def _words(namespace: Namespace, node: Node) -> Iterator[str]:
    key = "w" + node.path.replace("/", "-")
    value = "".join(str(part) for part in namespace.values.get(node.path, ()))
    label = node.path.removeprefix("/mula/").replace("/", " ")
    big = " class=big" if node.path == "/mula/lyrics" else ""
    yield f"<div{big}><label for={key}>{label}</label><span></span><span></span>"
    if node.path == "/mula/lyrics":
        yield f"<textarea id={key} rows=3 data-set={node.path} data-type=s>{escape(value)}"
        yield "</textarea>"
    else:
        yield f"<input id={key} type=text data-set={node.path} data-type=s value={_quoted(value)}>"
    yield f"<p>{escape(node.description)}</p></div>"


def _reference(namespace: Namespace) -> Iterator[str]:
    yield "<section><h2>Every address <small><a href='/?HOST_INFO'>HOST_INFO</a></small></h2>"
    yield "<input type=search id=find placeholder='find an address' aria-label='find an address'>"
    yield "<table><thead><tr><th>address<th>takes<th>now</thead><tbody>"
    for node in namespace.nodes.values():
        if node.access is Access.NOTHING:
            continue
        link = f"<a href='{escape(node.path)}'>{escape(node.path)}</a>"
        live = _live(namespace, node.path) if node.access & Access.READ else ""
        yield f"<tr><td><code>{link}</code><p>{escape(node.description)}</p>"
        yield f"<td>{_takes(node)}<td>{live}</tr>"
    yield "</tbody></table></section>"


def _takes(node: Node) -> str:
    words = []
    for name, tag, one in zip(node.names, node.type, node.ranges, strict=True):
        span = f" <span class=range>{_span(one)}</span>" if one is not None else ""
        words.append(f"{escape(name)} <code>{escape(tag)}</code>{span}")
    text = ", ".join(words)
    if not node.access & Access.WRITE:
        return f"<i>sends</i> {text}"
    others = "".join(f" <i>or</i> <code>{escape(other)}</code>" for other in node.overloads)
    return f"{text}{others}"


def _span(one: Range) -> str:
    if not one.values:
        return f"{one.low:g} to {one.high:g}"
    if len(one.values) <= 6:
        return escape(", ".join(one.values))
    return escape(f"{', '.join(one.values[:3])} ... {one.values[-1]}")


def _live(namespace: Namespace, path: str, *, default: object = None, sep: str = ", ") -> str:
    args = namespace.values.get(path, () if default is None else (default,))
    text = _joined([_shown(value) for value in args], sep)
    return f"<output data-value={path} data-sep={_quoted(sep)}>{escape(text)}</output>"


def _joined(words: Sequence[str], sep: str) -> str:
    """In a sentence nothing stands for an empty text; in a list a dash does."""
    if sep == " " or len(words) == 1:
        return sep.join(filter(None, words))
    return sep.join(word or "-" for word in words)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _quoted(value: object) -> str:
    return f'"{escape(str(value), quote=True)}"'
