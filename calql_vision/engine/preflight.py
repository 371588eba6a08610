"""Before the first step: do demonstrations, checkpoint and environment mean the same?

What does not fit together still trains and then never succeeds. A mismatch is one sentence.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.hdf5 import Selection, open_dataset, read_named_episodes, read_spec
from calql_vision.datasets.progress import warn
from calql_vision.engine.time_limit import fitting_horizon
from calql_vision.types import EnvSpec, Episode, PixelEnv

MODES = ("refuse", "warn")
_SMALL_ACTIONS = 0.1  # of the range; demonstrations that never leave it were scaled by somebody
_SAME_PIXELS = 1.0  # mean difference of bytes: what another OpenGL makes of the same scene
_ODD_PIXELS = 8.0  # light and shadow
_WRONG_PIXELS = 25.0  # another picture
_PROPRIO_TOLERANCE = 0.02  # metres, radians: of the same state
_DISGUISES = {
    "upside down": lambda images: images[..., ::-1, :, :],
    "mirrored": lambda images: images[..., ::-1, :],
    "with red and blue exchanged": lambda images: images[..., ::-1],
}


@dataclass(frozen=True)
class Mismatch:
    """A sentence about what does not fit; `wrong` is certain to hurt, others may be meant."""

    sentence: str
    wrong: bool = False


def check_mode(mode: str) -> None:
    if mode not in MODES:
        raise ValueError(f"preflight={mode}: choose {' or '.join(MODES)}")


def judge(mismatches: Iterable[Mismatch], mode: str) -> None:
    """Print every mismatch as a warning; ValueError for the wrong ones unless `mode` is warn."""
    found = list(mismatches)
    wrong = [mismatch.sentence for mismatch in found if mismatch.wrong and mode == "refuse"]
    for mismatch in found:
        if mismatch.sentence not in wrong:
            warn(mismatch.sentence)
    if wrong:
        raise ValueError("; ".join(wrong) + "; correct it, or set preflight=warn to go on")


def compare_specs(theirs: EnvSpec, ours: EnvSpec, source: str) -> list[Mismatch]:
    """What `source`, a file or a checkpoint, says of its environment against the one at hand.

    Cameras, image size and proprioception are what is asked for: whoever loads `source` selects
    or refuses them.
    """
    found = []
    if theirs.name != ours.name:
        found.append(Mismatch(f"{source} comes from {theirs.name}, the environment is {ours.name}"))
    if theirs.action_dim != ours.action_dim:
        found.append(
            Mismatch(
                f"{source} has actions of {theirs.action_dim} numbers, "
                f"{ours.name} takes {ours.action_dim}",
                wrong=True,
            )
        )
    if theirs.control_hz and ours.control_hz and not _close(theirs.control_hz, ours.control_hz):
        found.append(
            Mismatch(
                f"{source} was recorded at {theirs.control_hz:g} Hz but {ours.name} runs at "
                f"{ours.control_hz:g} Hz, where the same actions move the robot differently",
                wrong=True,
            )
        )
    return found


def check_numbers(buffer: EpisodeBuffer, env: PixelEnv, path: Path) -> list[Mismatch]:
    """Ranges of actions, lengths and proprioception against the environment's first moment."""
    spec, found = env.pixel_spec, []
    largest = float(np.abs(buffer.all_actions()).max())
    if largest < _SMALL_ACTIONS:
        found.append(
            Mismatch(f"{path}: no action exceeds {largest:.3g} of the range [-1, 1]; rescaled?")
        )
    observation, _ = env.reset(seed=0)
    return [
        *found,
        *_about_lengths(buffer, spec, path),
        *_about_proprio(observation["proprio"], buffer.all_proprio(), spec, path),
    ]


def _about_lengths(buffer: EpisodeBuffer, spec: EnvSpec, path: Path) -> list[Mismatch]:
    """Successes that the time limit would cut off are certain to hurt; failures need not."""
    horizon = fitting_horizon(buffer, spec.horizon)
    if buffer.longest <= spec.horizon:
        return []
    remedy = f"; set task.horizon={horizon}, or null" if horizon > spec.horizon else ""
    return [
        Mismatch(
            f"{path}: demonstrations last up to {buffer.longest} steps, but {spec.name} ends "
            f"episodes after {spec.horizon}{remedy}",
            wrong=horizon > spec.horizon,
        )
    ]


def _about_proprio(
    start: np.ndarray, stored: np.ndarray, spec: EnvSpec, path: Path
) -> list[Mismatch]:
    """Every key of which the start lies further outside the stored range than that is wide."""
    found, begin = [], 0
    for name, width in spec.proprio.items():
        here, there = start[begin : begin + width], stored[:, begin : begin + width]
        begin += width
        low, high = there.min(axis=0), there.max(axis=0)
        margin = (high - low) + _PROPRIO_TOLERANCE
        if ((here < low - margin) | (here > high + margin)).any():
            found.append(
                Mismatch(
                    f"{path}: {name} lies in {_numbers(low)} to {_numbers(high)}, but "
                    f"{spec.name} starts at {_numbers(here)}; other units or another robot?",
                    wrong=True,
                )
            )
    return found


def check_picture(path: Path, env: PixelEnv, selection: Selection) -> list[Mismatch]:
    """The first stored observation against the environment's own of the same simulator state.

    Files without states are not checked. `env` is left in that state, until its next reset.
    """
    name, episode = next(read_named_episodes(path, selection))
    with open_dataset(path) as file:
        demo = file["data"][name]
        if "states" not in demo:
            return []
        state, model = demo["states"][0], demo.attrs.get("model_file")
    spec = env.pixel_spec
    env.reset(seed=0)
    try:
        if model is not None and hasattr(env, "load_model"):
            env.load_model(model)
        seen = env.set_state(state)
    except ValueError as error:
        return [Mismatch(f"{path}: {name}: its states are not {spec.name}'s ({error})")]
    where = f"{path}: {name}"
    return [
        *_about_images(episode, seen["images"], spec, where),
        *_about_same_state(episode.proprio[0], seen["proprio"], spec, where),
    ]


def _about_images(episode: Episode, seen: np.ndarray, spec: EnvSpec, where: str) -> list[Mismatch]:
    found = []
    for camera, stored, rendered in zip(spec.cameras, episode.images[0], seen, strict=True):
        difference = _difference(stored, rendered)
        disguise = _disguise(stored, rendered) if difference > _SAME_PIXELS else None
        if disguise is None and difference < _ODD_PIXELS:
            continue
        looks = f"the stored image is {disguise}" if disguise else "another view, light or size?"
        found.append(
            Mismatch(
                f"{where}: {camera} differs from {spec.name}'s rendering of the same state by "
                f"{difference:.0f} of 255 on average; {looks}",
                wrong=disguise is not None or difference > _WRONG_PIXELS,
            )
        )
    return found


def _disguise(stored: np.ndarray, rendered: np.ndarray) -> str | None:
    """What was done to the image, if undoing it halves the difference."""
    differences = {name: _difference(undo(stored), rendered) for name, undo in _DISGUISES.items()}
    best = min(differences, key=differences.__getitem__)
    return best if differences[best] < _difference(stored, rendered) / 2 else None


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())


def _about_same_state(
    stored: np.ndarray, seen: np.ndarray, spec: EnvSpec, where: str
) -> list[Mismatch]:
    found, begin = [], 0
    for name, width in spec.proprio.items():
        there, here = stored[begin : begin + width], seen[begin : begin + width]
        begin += width
        if np.abs(there - here).max(initial=0) > _PROPRIO_TOLERANCE:
            found.append(
                Mismatch(
                    f"{where}: {name} is {_numbers(there)}, but {_numbers(here)} in "
                    f"{spec.name} at the same state",
                    wrong=True,
                )
            )
    return found


def _numbers(values: np.ndarray) -> str:
    return f"[{', '.join(f'{value:.3g}' for value in values)}]"


def _close(one: float, other: float) -> bool:
    return abs(one - other) < 0.01 * max(one, other)


def check_demonstrations(
    path: Path, buffer: EpisodeBuffer, env: PixelEnv, selection: Selection
) -> list[Mismatch]:
    """All of a file of demonstrations, read into `buffer`; `env` needs a reset afterwards."""
    return [
        *compare_specs(read_spec(path, selection), env.pixel_spec, str(path)),
        *check_numbers(buffer, env, path),
        *check_picture(path, env, selection),
    ]
