"""The clip folder: what lies there, and how it got there."""

from mula_daemon.clips.archivist import Archivist
from mula_daemon.clips.catalogue import Catalogue, StillReading
from mula_daemon.clips.files import ClipFiles, place_of
from mula_daemon.clips.fitted_sink import FittedSink, needs_fitting
from mula_daemon.clips.folder_sink import FolderSink, preload
from mula_daemon.clips.library import Clip, Library
from mula_daemon.clips.recipe import MadeBy, Parent, Performance, Recipe, Warn, to_json
from mula_daemon.clips.replay import replay_request
from mula_daemon.clips.shelves import Shelves
from mula_daemon.clips.silence import is_near_silent
from mula_daemon.clips.survey import Survey
from mula_daemon.clips.take import Abandoned, Change, Finished, Outcome, Sink, StemSink, Take
from mula_daemon.clips.whereabouts import note_folder

__all__ = [
    "Abandoned", "Archivist", "Catalogue", "Change", "Clip", "ClipFiles", "Finished",
    "FittedSink", "FolderSink", "Library", "MadeBy", "Outcome", "Parent", "Performance", "Recipe",
    "Shelves", "Sink", "StemSink", "StillReading", "Survey", "Take", "Warn", "is_near_silent",
    "needs_fitting", "note_folder", "place_of", "preload", "replay_request", "to_json",
]  # fmt: skip
