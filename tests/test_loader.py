"""Laws of the loader: its batches are those that stacking sample by sample gives, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from calql_vision.datasets.buffer import EpisodeBuffer, MixedBuffer
from calql_vision.datasets.device_frames import DeviceFrames
from calql_vision.datasets.frame_store import read_episodes_within
from calql_vision.datasets.growing_array import GrowingArray
from calql_vision.datasets.hdf5 import EpisodeWriter
from calql_vision.datasets.returns import RewardConfig, returns_to_go
from calql_vision.engine.loader import Loader
from calql_vision.types import Episode, Observation, PixelBatch

DISCOUNT, SIZE = 0.9, 16
CPU = torch.device("cpu")
LENGTHS = (3, 7, 1, 5)


@pytest.fixture
def recorded(small_spec, random_episode) -> list[Episode]:
    return [random_episode(small_spec, n, success=n % 3 == 0, seed=n) for n in LENGTHS]


def buffer_of(episodes, frame_stack: int = 1) -> EpisodeBuffer:
    buffer = EpisodeBuffer(DISCOUNT, RewardConfig(), frame_stack)
    for each in episodes:
        buffer.append(each)
    return buffer


def samplers(episodes: list[Episode], frame_stack: int) -> dict:
    offline, online = buffer_of(episodes, frame_stack), buffer_of(episodes[::-1], frame_stack)
    empty = buffer_of([], frame_stack)
    return {
        "one buffer": offline,
        "half and half": MixedBuffer(offline, online),
        "by size": MixedBuffer(offline, online, None),
        "online alone": MixedBuffer(offline, online, 1.0),
        "nothing online yet": MixedBuffer(offline, empty),
    }


def tensors(batch: PixelBatch) -> dict[str, torch.Tensor]:
    seen = {"observation": batch.observation, "next_observation": batch.next_observation}
    parts = {f"{n}.{k}": v for n, each in seen.items() for k, v in vars(each).items()}
    return {n: v for n, v in vars(batch).items() if n not in seen} | parts


def assert_same(one: PixelBatch, other: PixelBatch) -> None:
    first, second = tensors(one), tensors(other)
    for name, value in first.items():
        assert value.dtype == second[name].dtype, name
        assert torch.equal(value, second[name]), name


def stacked(episodes: list[Episode], frames: int) -> PixelBatch:
    """Every transition, one by one, in plain words."""

    def seen(e: Episode, step: int) -> tuple[np.ndarray, np.ndarray]:
        steps = [max(step - back, 0) for back in reversed(range(frames))]
        images = np.concatenate([e.images[s] for s in steps], axis=-1)
        return images, np.concatenate([e.proprio[s] for s in steps])

    def observation(shift: int) -> Observation:
        found = [seen(e, t + shift) for e in episodes for t in range(len(e))]
        return Observation(*(torch.from_numpy(np.stack(part)) for part in zip(*found, strict=True)))

    def returns(e: Episode) -> np.ndarray:
        ends = np.eye(len(e))[-1] * e.success
        return returns_to_go(e.rewards - 1, ends, DISCOUNT, failure_reward=-1.0)

    ended = [e.success and t == len(e) - 1 for e in episodes for t in range(len(e))]
    return PixelBatch(
        observation=observation(0),
        action=torch.from_numpy(np.concatenate([e.actions for e in episodes])),
        reward=torch.from_numpy(np.concatenate([e.rewards - 1 for e in episodes])),
        discount=DISCOUNT * (1 - torch.tensor(ended, dtype=torch.float32)),
        next_observation=observation(1),
        return_to_go=torch.from_numpy(np.concatenate([returns(e) for e in episodes])),
        success=torch.tensor([e.success for e in episodes for _ in range(len(e))]),
    )


@pytest.mark.parametrize("frames", [1, 3])
def test_gathering_is_stacking_sample_by_sample(recorded, frames):
    buffer = buffer_of(recorded, frames)
    everything = np.arange(len(buffer))
    assert_same(buffer.gather(everything), stacked(recorded, frames))


BUDGETS = {"all": (10**6, 10**6), "demonstrations alone": (10**6, 0), "half of them": (600, 10**6)}


@pytest.mark.parametrize("budgets", BUDGETS)
@pytest.mark.parametrize("frames", [1, 2])
def test_pixels_that_a_device_keeps_make_the_same_batches(recorded, small_spec, frames, budgets):
    mixed = samplers(recorded, frames)["half and half"]
    before = [mixed.sample(SIZE, np.random.default_rng(5))]
    for buffer, budget in zip((mixed.offline, mixed.online), BUDGETS[budgets], strict=True):
        buffer.keep_frames_on(CPU, budget)
    assert_same(mixed.sample(SIZE, np.random.default_rng(5)), *before)
    mixed.online.append(recorded[1])  # and what comes later
    plain = buffer_of([*recorded[::-1], recorded[1]], frames)
    everything = np.arange(len(plain))
    assert_same(mixed.online.gather(everything), plain.gather(everything))


def test_a_device_takes_no_more_than_its_budget():
    frames, images = DeviceFrames(CPU, budget=10 * 24), np.zeros((4, 2, 2, 2, 3), dtype=np.uint8)
    assert [frames.append(images) for _ in range(3)] == [True, True, False]
    assert frames.take(np.array([7, 0])).shape == (2, 2, 2, 2, 3)


@pytest.mark.parametrize("name", samplers([], 1))
@pytest.mark.parametrize("frames", [1, 2])
def test_used_memory_and_fresh_memory_hold_the_same_batches(recorded, name, frames):
    sampler = samplers(recorded, frames)[name]
    loader = Loader(sampler, SIZE, np.random.default_rng(5), CPU)
    plain, places = np.random.default_rng(5), set()
    for _ in range(4):
        batch = loader.next()
        assert_same(batch, sampler.sample(SIZE, plain))
        places.add(batch.observation.images.data_ptr())
    assert len(places) == 1, "the same memory every time"


def test_frames_that_are_mapped_make_the_same_batches(recorded, small_spec, tmp_path):
    path = tmp_path / "data.hdf5"
    with EpisodeWriter(path, small_spec, versions={}, next_obs=True) as writer:
        for each in recorded:
            writer.append(each)
    mapped = buffer_of(read_episodes_within(path, budget=0))
    loaders = [
        Loader(buffer, SIZE, np.random.default_rng(0), CPU)
        for buffer in (mapped, buffer_of(recorded))
    ]
    for _ in range(3):
        assert_same(*(loader.next() for loader in loaders))


def test_an_episode_that_arrives_later_is_in_the_next_batch(recorded):
    buffer = buffer_of(recorded[:1])
    loader = Loader(buffer, SIZE, np.random.default_rng(0), CPU)
    loader.next()
    marked = replace(recorded[1], actions=np.full_like(recorded[1].actions, 0.5))
    buffer.append(marked)
    assert (loader.next().action == 0.5).any()


def test_a_growing_array_holds_what_came_in_order():
    array, parts = GrowingArray(), [np.arange(n, dtype=np.int64) for n in (1, 0, 5, 2, 40)]
    for part in parts:
        array.extend(part)
        assert array.rows.dtype == np.int64
    assert array.rows.tolist() == np.concatenate(parts).tolist()
    assert len(array) == 48
    assert array.nbytes <= 2 * 8 * len(array), "room for as many again at most"
