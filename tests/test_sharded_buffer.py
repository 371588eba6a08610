"""Laws of demonstrations whose pixels are spread over ranks: sampled as if they were not."""

import numpy as np
import pytest
import torch

from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.frame_store import read_episodes_within
from calql_vision.datasets.hdf5 import EpisodeWriter
from calql_vision.datasets.hdf5_read import count_frames
from calql_vision.datasets.hdf5_select import Selection
from calql_vision.datasets.part import Part
from calql_vision.datasets.returns import RewardConfig
from calql_vision.datasets.sharded_buffer import ShardedBuffer

#: (length, success) of the demos. The one of a single failed step is left out.
DEMOS = [(5, True), (17, False), (1, False), (2, True), (9, False), (4, True), (11, True)]
RANKS, BATCH = 3, 24
pytestmark = pytest.mark.filterwarnings("ignore:.*is left out")


@pytest.fixture(scope="module")
def path(tmp_path_factory, small_spec, random_episode):
    path = tmp_path_factory.mktemp("sharded") / "data.hdf5"
    with EpisodeWriter(path, small_spec, versions={"test": "1"}) as writer:
        for number, (steps, success) in enumerate(DEMOS):
            writer.append(random_episode(small_spec, steps, success, seed=number))
    return path


def shard(path, part: Part, budget: int | None = None) -> ShardedBuffer:
    return filled(ShardedBuffer(0.9, RewardConfig(), part=part), path, budget, part)


def whole(path) -> EpisodeBuffer:
    return filled(EpisodeBuffer(0.9, RewardConfig()), path, None, Part())


def filled(buffer, path, budget, part):
    for episode in read_episodes_within(path, budget, selection=Selection(part=part)):
        buffer.append(episode)
    return buffer


@pytest.fixture(scope="module", params=[None, 0], ids=["memory", "mapped"])
def shards(request, path):
    return [shard(path, Part(rank, RANKS), request.param) for rank in range(RANKS)]


def draws(shards, seed: int) -> list[np.ndarray]:
    return [shard.draw(BATCH, np.random.default_rng(seed)) for shard in shards]


def test_every_frame_is_on_one_rank_and_every_number_on_all(path, shards):
    everything = whole(path)
    assert sum(shard.pixel_bytes for shard in shards) == everything.pixel_bytes
    for shard in shards:
        assert 0 < shard.pixel_bytes < everything.pixel_bytes
        assert len(shard) == len(everything)
        assert np.array_equal(shard.all_proprio(), everything.all_proprio())
        assert np.array_equal(shard.success_lengths, everything.success_lengths)


def test_a_store_holds_the_frames_of_its_part_alone(path, shards):
    frames = [count_frames(path, part=Part(rank, RANKS)) for rank in range(RANKS)]
    assert sum(frames) == count_frames(path)
    stores = path.with_name("data.hdf5.frames")
    if shards[0]._images[0].flags.writeable:
        return  # these are in memory
    sizes = sorted(store.stat().st_size for store in stores.glob("*.frames"))
    assert sizes == sorted(shard.pixel_bytes for shard in shards)


def test_a_rank_samples_what_one_process_has_under_these_numbers(path, shards):
    everything = whole(path)
    for shard in shards:
        drawn = shard.draw(BATCH, np.random.default_rng(1))
        found, expected = shard.gather(drawn), everything.gather(drawn)
        assert torch.equal(found.observation.images, expected.observation.images)
        assert torch.equal(found.next_observation.images, expected.next_observation.images)
        assert torch.equal(found.action, expected.action)
        assert torch.equal(found.return_to_go, expected.return_to_go)


def test_the_ranks_draw_one_batch_together_each_what_it_owns(shards):
    owners = np.repeat(np.arange(shards[0].episodes) % RANKS, shards[0].lengths)
    for seed in range(20):
        drawn = draws(shards, seed)
        assert sum(map(len, drawn)) == BATCH
        for rank, own in enumerate(drawn):
            assert (owners[own] == rank).all()
            expected = BATCH * (owners == rank).mean()
            assert abs(len(own) - expected) < 2


def test_every_transition_is_drawn_equally_often(shards):
    batches = 4000
    counts = np.zeros(len(shards[0]))
    for seed in range(batches):
        np.add.at(counts, np.concatenate(draws(shards, seed)), 1)
    expected = batches * BATCH / len(counts)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_a_rank_without_rows_is_refused(shards):
    shards[0].check_part(BATCH)
    with pytest.raises(ValueError, match=r"use fewer ranks, a larger algo\.batch_size, or data"):
        [shard.check_part(4) for shard in shards]
