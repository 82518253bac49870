"""The clip folder: what lies there, and how it got there."""

from mula_daemon.clips.archivist import Archivist
from mula_daemon.clips.catalogue import Catalogue, StillReading
from mula_daemon.clips.files import place_of
from mula_daemon.clips.fitted_sink import FittedSink, needs_fitting
from mula_daemon.clips.folder_sink import FolderSink, preload
from mula_daemon.clips.library import Clip, Library
from mula_daemon.clips.recipe import Parent, Recipe, Warn
from mula_daemon.clips.replay import replay_request
from mula_daemon.clips.shelves import Shelves
from mula_daemon.clips.survey import Survey
from mula_daemon.clips.take import Abandoned, Change, Finished, Outcome, Sink, StemSink, Take
from mula_daemon.clips.whereabouts import note_folder

__all__ = [
    "Abandoned", "Archivist", "Catalogue", "Change", "Clip", "Finished", "FittedSink",
    "FolderSink", "Library", "Outcome", "Parent", "Recipe", "Shelves", "Sink", "StemSink",
    "StillReading", "Survey", "Take", "Warn", "needs_fitting", "note_folder", "place_of",
    "preload", "replay_request",
]  # fmt: skip
