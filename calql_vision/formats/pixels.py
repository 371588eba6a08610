"""Episodes that hold their images already: from what a source has to an `Episode`."""

import warnings
from collections.abc import Iterator
from reprlib import repr as short

import numpy as np

from calql_vision.datasets.env_args_types import MOST_STEPS
from calql_vision.datasets.hdf5_layout import IMAGE_SUFFIX, DatasetError, listing
from calql_vision.datasets.names import checked_name
from calql_vision.formats.choice import SUCCESS_RULES, Choice
from calql_vision.formats.letterbox import letterboxed, same_shape
from calql_vision.formats.raw_episode import PixelSource, RawEpisode
from calql_vision.types import EnvSpec, Episode, Range

_ACTION_TOLERANCE = 1e-5  # rounding that an action may have beyond [-1, 1]


class EpisodeBuilder:
    """Makes episodes of what a source has; `spec` is the environment as it and the user say.

    Shapes are those of the first episode. Raises DatasetError for what does not fit.
    """

    def __init__(self, source: PixelSource, choice: Choice):
        self._source, self._choice, self._facts = source, choice, source.facts()
        first = next(iter(source), None)
        if first is None:
            raise DatasetError(f"{source.path}: holds no episode")
        self._check_range()
        self._check_names(first)
        keys = choice.proprio_keys
        self._proprio = list(first.proprio) if keys is None else keys
        self._cameras = choice.cameras or list(first.images)
        self.spec = self._spec(first)

    def __iter__(self) -> Iterator[Episode]:
        """All episodes; one without a transition is left out with a warning.

        At the end a warning where none was successful, so that there is no goal to learn.
        """
        successes, rewards = 0, [np.empty(0)]
        for raw in self._source:
            episode = self._build(raw)
            if episode is None:
                where = f"{self._source.path}: {raw.name}"
                warnings.warn(f"{where} is left out: no usable transition", stacklevel=2)
            else:
                successes += episode.success
                yield episode
            if raw.rewards is not None and raw.rewards.dtype.kind in "biuf":
                rewards.append(np.ravel(raw.rewards))
        if not successes:
            self._warn_of_failure(np.concatenate(rewards))

    def _warn_of_failure(self, rewards: np.ndarray) -> None:
        known = ""
        if len(rewards):
            low, high = rewards.min(), rewards.max()
            known = (
                f"; its rewards lie in [{low:g}, {high:g}]: if the greatest is success, "
                f"set success=reward reward_threshold={high:g}"
            )
        warnings.warn(f"{self._source.path}: no episode is successful{known}", stacklevel=3)

    def _spec(self, first: RawEpisode) -> EnvSpec:
        choice, facts = self._choice, self._facts
        if not self._cameras:
            raise DatasetError(
                f"{self._source.path}: holds neither images (bytes [T, H, W, 3]) nor simulator "
                "states, so there is nothing to see; record it again with images"
            )
        height, width = self._pixels(first, self._cameras[0]).shape[1:3]
        side = choice.image_size
        widths = {key: self._rows(first, first.proprio, key).shape[1] for key in self._proprio}
        actions = self._rows(first, {"actions": first.actions}, "actions")
        cameras = [choice.rename.get(name, name) for name in self._cameras]
        proprio = {choice.rename.get(key, key): width for key, width in widths.items()}
        names = [*(name + IMAGE_SUFFIX for name in cameras), *proprio]
        for name in names:
            checked_name(name, f"{self._source.path}: an observation")
        if len(set(names)) < len(names):
            raise DatasetError(f"{self._source.path}: two observations of one name; rename them")
        if facts.horizon > MOST_STEPS:
            raise DatasetError(
                f"{self._source.path}: states episodes of {short(facts.horizon)} steps, and "
                f"{MOST_STEPS:,} are the most; correct it"
            )
        return EnvSpec(
            name=choice.env or facts.env or f"unknown/{self._source.path.name}",
            cameras=tuple(cameras),
            image_size=(side, side) if side else (height, width),
            proprio=proprio,
            action_dim=actions.shape[1],
            horizon=facts.horizon,
            control_hz=float(choice.control_hz or facts.control_hz),
            kwargs=facts.env_kwargs | choice.env_kwargs,
            action_range=self._stated_range(),
        )

    def _stated_range(self) -> Range | None:
        """Where actions are rescaled: what they were."""
        if not self._choice.rescale_actions or self._facts.action_range is None:
            return None
        low, high = self._facts.action_range
        return tuple(map(float, low)), tuple(map(float, high))

    def _build(self, raw: RawEpisode) -> Episode | None:
        """The episode, cut at its first success; None if it has no whole transition.

        Rewards become 1 at success and 0 before. Where the source has no observation after the
        last action, the one before it is repeated: nobody asks for the value after a success. An
        unfinished episode loses its last transition instead, if what is repeated would be stored.
        """
        if raw.actions.ndim != 2:
            raise self._fault(raw, f"actions has shape {raw.actions.shape}, not [T, n]")
        steps, hits = len(raw.actions), np.flatnonzero(self._marks(raw))
        success = len(hits) > 0
        length = int(hits[0]) + 1 if success else steps
        images = [self._frames(raw, camera) for camera in self._cameras]
        widths = self.spec.proprio.values()
        proprio = [self._vector(raw, k, n) for k, n in zip(self._proprio, widths, strict=True)]
        whole = all(len(array) > length for array in (*images, *proprio))
        length -= self._choice.stores_last and not whole and not success
        if length <= 0:
            return None
        proprio = [np.zeros((length + 1, 0), dtype=np.float32), *(_cut(p, length) for p in proprio)]
        rewards = np.zeros(length, dtype=np.float32)
        rewards[-1] = success
        return Episode(
            images=np.stack([_cut(frames, length) for frames in images], axis=1),
            proprio=np.concatenate(proprio, axis=1),
            actions=self._actions(raw)[:length],
            rewards=rewards,
            success=success,
        )

    def _marks(self, raw: RawEpisode) -> np.ndarray:
        """Which steps succeed, bool [T]."""
        rule, steps = self._choice.success, len(raw.actions)
        if rule == "all":
            return np.arange(steps) == steps - 1
        if rule == "reward" and raw.rewards is not None:
            return self._by_reward(self._per_step(raw, "rewards", raw.rewards))
        if rule in raw.marks:
            return self._per_step(raw, f"success={rule}", raw.marks[rule]).astype(bool)
        rewards = [] if raw.rewards is None else ["reward"]
        names = [name for name in (*rewards, *raw.marks, "all") if name]
        served = [f"success={name} ({SUCCESS_RULES[name]})" for name in names]
        asked = "does not say which steps succeed" if rule is None else f"has no {rule}"
        raise self._fault(raw, f"{asked}; set {' or '.join(served)}")

    def _per_step(self, raw: RawEpisode, key: str, values: np.ndarray) -> np.ndarray:
        """A finite number per action, [T]."""
        array, steps = np.asarray(values), len(raw.actions)
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise self._fault(raw, f"{key} holds NaN, infinities or no numbers; repair it")
        if array.size != steps:
            raise self._fault(raw, f"{key} has {array.size} steps, the actions {steps}; repair it")
        return array.reshape(steps)

    def _by_reward(self, rewards: np.ndarray) -> np.ndarray:
        threshold = self._choice.reward_threshold
        return rewards > 0 if threshold is None else rewards >= threshold

    def _frames(self, raw: RawEpisode, camera: str) -> np.ndarray:
        """uint8 [T or T+1, H, W, 3]"""
        frames = self._pixels(raw, camera)
        size, found = self.spec.image_size, (frames.shape[1], frames.shape[2])
        if not same_shape(found, size):
            warnings.warn(
                f"{self._source.path}: {camera} is {_by(found)} pixels and becomes {_by(size)} "
                "with black bars, not stretched",
                stacklevel=2,
            )
        return letterboxed(self._observed(raw, camera, frames), size)

    def _pixels(self, raw: RawEpisode, camera: str) -> np.ndarray:
        """uint8 [any, H, W, 3]"""
        frames = self._pick(raw, raw.images, camera)
        shaped = frames.ndim == 4 and frames.shape[-1] == 3 and 0 not in frames.shape[1:]
        if frames.dtype != np.uint8 or not shaped:
            found = f"{frames.dtype} {frames.shape}"
            raise self._fault(raw, f"{camera} is {found}, not uint8 [T, H, W, 3]; store it again")
        return frames

    def _rows(self, raw: RawEpisode, arrays: dict[str, np.ndarray], key: str) -> np.ndarray:
        """[any, n]"""
        array = self._pick(raw, arrays, key)
        if array.ndim != 2 or (key == "actions" and 0 in array.shape):
            raise self._fault(raw, f"{key} has shape {array.shape}, not [T, n]; store it again")
        return array

    def _vector(self, raw: RawEpisode, key: str, width: int) -> np.ndarray:
        """float32 [T or T+1, width]"""
        vector = self._pick(raw, raw.proprio, key)
        if vector.ndim != 2 or vector.shape[1] != width:
            raise self._fault(raw, f"{key} has shape {vector.shape}, not [T, {width}]")
        return self._finite(raw, key, self._observed(raw, key, vector))

    def _observed(self, raw: RawEpisode, key: str, array: np.ndarray) -> np.ndarray:
        steps = len(raw.actions)
        if len(array) not in (steps, steps + 1):
            problem = f"{key} has {len(array)} steps, the actions {steps}"
            raise self._fault(raw, f"{problem}; give as many observations, or one more")
        return array

    def _actions(self, raw: RawEpisode) -> np.ndarray:
        """float32 [T, A] in [-1, 1]"""
        if raw.actions.ndim != 2 or raw.actions.shape[1] != self.spec.action_dim:
            width = self.spec.action_dim
            raise self._fault(raw, f"actions has shape {raw.actions.shape}, not [T, {width}]")
        actions = self._finite(raw, "actions", raw.actions)
        known = self._facts.action_range
        if self._choice.rescale_actions and known is not None:
            actions = _rescaled(actions, *known)
        largest = np.abs(actions).max()
        if largest > 1 + _ACTION_TOLERANCE:
            remedy = "rescale them yourself" if known is None else "set rescale_actions=true"
            raise self._fault(raw, f"actions reach {largest:g}, outside [-1, 1]; {remedy}")
        return actions.clip(-1, 1)

    def _check_range(self) -> None:
        known, rescale = self._facts.action_range, self._choice.rescale_actions
        if known is None:
            if rescale:
                raise DatasetError(
                    f"{self._source.path}: rescale_actions=true needs the range of the actions, "
                    "which is not stored; rescale them yourself"
                )
            return
        if rescale and not np.isfinite(known).all():
            raise DatasetError(
                f"{self._source.path}: actions have no bounds; rescale them yourself"
            )
        declared = self._facts.range_is_declared
        if declared and not rescale and not np.array_equal(np.abs(known), np.ones_like(known)):
            raise DatasetError(
                f"{self._source.path}: actions lie between {known[0]} and {known[1]}; "
                "set rescale_actions=true to map them onto [-1, 1]"
            )

    def _check_names(self, first: RawEpisode) -> None:
        names = {*first.images, *first.proprio}
        unknown = self._choice.rename.keys() - names
        if unknown:
            raise DatasetError(
                f"{self._source.path}: no {listing(unknown)} to rename; there are {listing(names)}"
            )

    def _finite(self, raw: RawEpisode, key: str, array: np.ndarray) -> np.ndarray:
        numbers = array.dtype.kind in "fiub"
        with np.errstate(over="ignore"):
            single = array.astype(np.float32) if numbers else np.full(1, np.nan)
        if not np.isfinite(single).all():
            raise self._fault(
                raw, f"{key} holds NaN, no numbers or what float32 cannot; drop or repair it"
            )
        return single

    def _pick(self, raw: RawEpisode, arrays: dict[str, np.ndarray], key: str) -> np.ndarray:
        if key not in arrays:
            raise self._fault(raw, f"no {key!r}; there are {listing(arrays)}")
        return arrays[key]

    def _fault(self, raw: RawEpisode, problem: str) -> DatasetError:
        return DatasetError(f"{self._source.path}: {raw.name}: {problem}")


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _cut(observed: np.ndarray, length: int) -> np.ndarray:
    """`length` + 1 observations; the last is repeated where one is missing."""
    observed = observed[: length + 1]
    return observed if len(observed) > length else np.concatenate([observed, observed[-1:]])


def _rescaled(actions: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """[low, high] onto [-1, 1], dimension by dimension; 0 where an action never changes."""
    moves = high > low
    middle, half = (high + low) / 2, np.where(moves, (high - low) / 2, 1.0)
    return np.where(moves, (actions - middle) / half, 0.0).astype(np.float32)
