"""Tells the genre of two bars of codes: an ear for the knobs benchmark that never saw the model.

A small network on what a listener would notice: which voices play, on which sixteenths, in
which mix. It learns from grammar material alone, with seeds of its own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.train import compose

WINDOW: Final = 2 * tokens.STEPS_PER_BAR
SEED: Final = 77_000_000
"""Far from the seeds that training uses."""


def _voices() -> Tensor:
    """[C, V] -> index of the voice that a code sounds, counted over all codebooks; 0 if none."""
    table = torch.zeros(tokens.TEXTURE + 1, tokens.AUDIO_VOCAB, dtype=torch.int64)
    first = 1
    sound: tokens.DrumHit | tokens.Chord | tokens.Note | None
    for codebook, names in enumerate((*tokens.DRUM_VOICES, *tokens.PITCHED_VOICES.values())):
        for code in range(tokens.codes_in(codebook)):
            if codebook < len(tokens.DRUM_VOICES):
                sound = tokens.read_drum(codebook, code)
            elif codebook == tokens.CHORDS:
                sound = tokens.read_chord(code)
            else:
                sound = tokens.read_note(codebook, code)
            if sound is not None:
                table[codebook, code] = first + sound.voice
        first += len(names)
    for code in range(tokens.codes_in(tokens.TEXTURE)):
        table[tokens.TEXTURE, code] = first + code
    return table


VOICES: Final = _voices()
VOICE_COUNT: Final = int(VOICES.max()) + 1


def features(windows: Tensor) -> Tensor:
    """[N, 32, 8] codes -> float32 [N, F]: how often each voice sounds, and where onsets lie."""
    columns = torch.arange(windows.shape[-1])
    voices = VOICES[columns, windows]  # [N, 32, C]
    counts = torch.zeros(len(windows), VOICE_COUNT)
    counts.scatter_add_(1, voices.flatten(1), torch.ones(len(windows), voices[0].numel()))
    onsets = (voices[..., : tokens.TEXTURE] > 0).float()  # [N, 32, 7]
    bar = onsets.view(len(onsets), 2, tokens.STEPS_PER_BAR, -1).mean(1)  # [N, 16, 7]
    return torch.cat([counts[:, 1:].sqrt(), (counts[:, 1:] > 0).float(), bar.flatten(1)], dim=1)


@dataclass(frozen=True)
class GenreClassifier:
    """A trained classifier and its accuracy (0..1) on windows of pieces that it never saw."""

    network: nn.Module
    accuracy: float

    @torch.inference_mode()
    def genres(self, codes: np.ndarray) -> np.ndarray:
        """[N, S, 8] codes -> index into ``tags.GENRES`` of every two bars: int64 [N, S // 32]."""
        windows = torch.from_numpy(codes.astype(np.int64)).reshape(
            len(codes), -1, WINDOW, codes.shape[-1]
        )
        found = self.network(features(windows.flatten(0, 1))).argmax(-1)
        out: np.ndarray = found.view(len(codes), -1).numpy()
        return out


def _material(seed: int, pieces: int) -> tuple[Tensor, Tensor]:
    """Windows [N, 32, 8] of ``pieces`` pieces of each genre, and their genres [N]."""
    windows, labels = [], []
    for index, genre in enumerate(tags.GENRES):
        for number in range(pieces):
            piece = compose(genre, random.Random(f"{seed}/{index}/{number}"))
            codes = torch.from_numpy(piece.codes.astype(np.int64))
            windows.append(codes.view(-1, WINDOW, codes.shape[-1]))
            labels += [index] * len(windows[-1])
    return torch.cat(windows), torch.tensor(labels)


def train_classifier(pieces: int = 150, epochs: int = 60) -> GenreClassifier:
    """Learns from ``pieces`` pieces of each genre; the same every time. Takes seconds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        windows, labels = _material(SEED, pieces)
        x = features(windows)
        network = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(x.shape[1], 96), nn.ReLU(), nn.Linear(96, len(tags.GENRES))
        )
        optimiser = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=0.02)
        for _ in range(epochs):
            for rows in torch.chunk(torch.randperm(len(x)), max(1, len(x) // 512)):
                loss = F.cross_entropy(network(x[rows]), labels[rows])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
    network.eval()
    unseen, truth = _material(SEED + 1, max(20, pieces // 4))
    with torch.inference_mode():
        hits = network(features(unseen)).argmax(-1) == truth
    return GenreClassifier(network, hits.float().mean().item())
