"""A Max patcher as it is built up: boxes, cords, parameters; then its JSON.

Boxes of the presentation come first in the file, because Max draws the first on top. In the
patching view every box gets a place of its own on a grid, so that whoever presses Edit can read
it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from mula_bridge.surfaces.max_device.container import CREATED, DeviceKind
from mula_bridge.surfaces.wires import Wires

HEIGHT: Final = 169
"""Pixels that Live gives a device."""
_FONT: Final = "Ableton Sans Medium"
_ROWS: Final = 24
_CELL: Final = (250, 60)


class Rect(NamedTuple):
    """A place in the presentation, in pixels from its upper left corner."""

    x: int
    y: int
    w: int
    h: int


@dataclass
class MaxPatch(Wires[str]):
    """The boxes and cords of one device."""

    kind: DeviceKind
    width: int
    """Of the presentation, in pixels."""
    scripts: tuple[str, ...] = ()
    """File names of the scripts that its boxes run."""
    description: str = ""
    bank: tuple[str, ...] = ()
    """Long names of up to eight parameters for the first bank of a controller such as Push."""
    _boxes: list[dict[str, Any]] = field(default_factory=list)

    def ui(self, maxclass: str, rect: Rect, outlets: list[str], **attributes: object) -> str:
        """A box that can be seen; its id."""
        return self._box(
            maxclass,
            (rect.w, rect.h),
            1,
            outlets,
            presentation=1,
            presentation_rect=[float(side) for side in rect],
            **attributes,
        )

    def box(self, text: str, inlets: int, outlets: list[str], **attributes: object) -> str:
        """An object box that only works, such as ``udpsend``; its id."""
        size = (max(30, 7 * len(text) + 14), 22)
        return self._box("newobj", size, inlets, outlets, text=text, **attributes)

    def unseen(self, maxclass: str, outlets: list[str], **attributes: object) -> str:
        """A control outside of the presentation; its id."""
        return self._box(maxclass, (60, 20), 1, outlets, **attributes)

    def message(self, text: str) -> str:
        """A message box; its id."""
        return self._box("message", (max(30, 7 * len(text) + 14), 22), 2, [""], text=text)

    def patcher(self) -> dict[str, Any]:
        """What goes into the device's file."""
        columns = -(-len(self._boxes) // _ROWS)
        version = {"major": 8, "minor": 6, "revision": 5, "architecture": "x64", "modernui": 1}
        beside = {"bootpath": ".", "patcherrelativepath": ".", "type": "TEXT", "implicit": 1}
        project = {
            "version": 1, "creationdate": CREATED, "modificationdate": CREATED,
            "viewrect": [0.0, 0.0, 300.0, 500.0], "autoorganize": 1, "hideprojectwindow": 1,
            "showdependencies": 1, "autolocalize": 0, "contents": {"patchers": {}}, "layout": {},
            "searchpath": {}, "detailsvisible": 0, "amxdtype": self.kind.code, "readonly": 0,
            "devpathtype": 0, "devpath": ".", "sortmode": 0, "viewmode": 0,
        }  # fmt: skip
        patcher = {
            "fileversion": 1, "appversion": version, "classnamespace": "box",
            "rect": [60.0, 90.0, _CELL[0] * columns + 40.0, _CELL[1] * _ROWS + 40.0],
            "openrect": [0.0, 0.0, float(self.width), float(HEIGHT)], "bglocked": 0,
            "openinpresentation": 1, "default_fontsize": 10.0, "default_fontface": 0,
            "default_fontname": _FONT, "gridonopen": 1, "gridsize": [8.0, 8.0],
            "gridsnaponopen": 1, "objectsnaponopen": 1, "statusbarvisible": 2,
            "toolbarvisible": 1, "boxanimatetime": 200, "enablehscroll": 1, "enablevscroll": 1,
            "devicewidth": float(self.width), "description": self.description, "digest": "",
            "tags": "", "style": "", "boxes": [{"box": box} for box in self._boxes],
            "lines": [{"patchline": {"source": a, "destination": b}} for a, b in self.cords],
            "parameters": self._parameters(),
            "dependency_cache": [{"name": script, **beside} for script in self.scripts],
            "latency": 0, "is_mpe": 1 if self.kind is DeviceKind.MIDI_EFFECT else 0,
            "minimum_live_version": "", "minimum_max_version": "", "platform_compatibility": 0,
            "project": project, "autosave": 0,
        }  # fmt: skip
        return {"patcher": patcher}

    def _box(
        self,
        maxclass: str,
        size: tuple[int, int],
        inlets: int,
        outlets: list[str],
        **attributes: object,
    ) -> str:
        column, row = divmod(len(self._boxes), _ROWS)
        box: dict[str, Any] = {
            "id": f"obj-{len(self._boxes) + 1}",
            "maxclass": maxclass,
            "numinlets": inlets,
            "numoutlets": len(outlets),
        }
        if outlets:
            box["outlettype"] = outlets
        width = min(size[0], _CELL[0] - 10)
        height = min(size[1], _CELL[1] - 8)
        box["patching_rect"] = [
            float(value) for value in (20 + column * _CELL[0], 20 + row * _CELL[1], width, height)
        ]
        self._boxes.append(box | attributes)
        return str(box["id"])

    def _parameters(self) -> dict[str, Any]:
        listed: dict[str, Any] = {}
        for box in self._boxes:
            if box.get("parameter_enable"):
                value = box["saved_attribute_attributes"]["valueof"]
                names = [value["parameter_longname"], value["parameter_shortname"], 0]
                listed[box["id"]] = names
        bank = [*self.bank, *["-"] * (8 - len(self.bank))]
        listed["parameterbanks"] = {"0": {"index": 0, "name": "Mula", "parameters": bank}}
        listed["inherited_shortname"] = 1
        return listed
