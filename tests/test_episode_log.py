"""Laws of the log of online episodes, and of the experience that comes back from it."""

import numpy as np
import pytest

from calql_vision.datasets.buffer import EpisodeBuffer, NStepReference
from calql_vision.datasets.returns import RewardConfig
from calql_vision.engine.experience import Experience
from calql_vision.runs.episode_log import EpisodeLog

ARRAYS = ("images", "proprio", "actions", "rewards")


@pytest.fixture
def episodes(small_spec, random_episode):
    return [random_episode(small_spec, 3 + n, success=n % 2 == 0, seed=n) for n in range(4)]


def experience(room: int | None = None, reference: NStepReference | None = None) -> Experience:
    return Experience(EpisodeBuffer(0.9, RewardConfig(), reference=reference), room)


def lived(path, episodes, **how) -> Experience:
    """All episodes, and a log of them in `path`."""
    result, log = experience(**how), EpisodeLog(path)
    for episode in episodes:
        result.add(episode)
        result.write(log)
    return result


def everything(buffer: EpisodeBuffer):
    batch = buffer.gather(np.arange(len(buffer)))
    numbers = (batch.action, batch.reward, batch.discount, batch.return_to_go, batch.success)
    seen = (batch.observation, batch.next_observation)
    return [x.numpy() for x in (*numbers, *(o.images for o in seen), *(o.proprio for o in seen))]


def assert_same(one: Experience, other: Experience) -> None:
    for a, b in zip(everything(one.buffer), everything(other.buffer), strict=True):
        np.testing.assert_array_equal(a, b)


def test_episodes_come_back_as_they_were(tmp_path, episodes):
    lived(tmp_path / "log", episodes)
    log = EpisodeLog(tmp_path / "log", keep=(tmp_path / "log").stat().st_size)
    for episode, (logged, images) in zip(episodes, log.read(), strict=True):
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(logged.episode, name), getattr(episode, name))
        assert logged.episode.success == episode.success
        np.testing.assert_array_equal(
            np.stack([images[t] for t in range(len(images))]), episode.images
        )


def test_bootstrapped_returns_are_those_of_the_weights_of_then(tmp_path, episodes):
    before = NStepReference(2, lambda seen: seen.proprio.sum(1))
    one = lived(tmp_path / "log", episodes, reference=before)
    other = experience(reference=NStepReference(2, lambda seen: 0 * seen.proprio.sum(1)))
    other.restore(EpisodeLog(tmp_path / "log", keep=(tmp_path / "log").stat().st_size))
    assert_same(one, other)


@pytest.mark.parametrize("kept", [1, 3])
def test_what_came_after_the_state_is_forgotten(kept, tmp_path, episodes):
    lived(tmp_path / "log", episodes[:kept])
    size = (tmp_path / "log").stat().st_size
    lived(tmp_path / "log", episodes)
    other = experience()
    other.restore(EpisodeLog(tmp_path / "log", keep=size))
    assert (tmp_path / "log").stat().st_size == size
    assert_same(lived(tmp_path / "again", episodes[:kept]), other)


def test_pixels_without_room_in_memory_are_read_from_the_log(tmp_path, episodes):
    room = episodes[0].images.nbytes
    tight, ample = lived(tmp_path / "log", episodes, room=room), lived(tmp_path / "all", episodes)
    assert tight.buffer.pixel_bytes == room
    assert ample.buffer.pixel_bytes == sum(episode.images.nbytes for episode in episodes)
    assert_same(tight, ample)
    back = experience(room)
    back.restore(EpisodeLog(tmp_path / "log", keep=(tmp_path / "log").stat().st_size))
    assert back.buffer.pixel_bytes == room
    assert_same(back, ample)


@pytest.mark.parametrize("damage", ["flipped", "short"])
def test_a_damaged_log_is_refused_with_the_remedy(damage, tmp_path, episodes):
    path = tmp_path / "log"
    lived(path, episodes)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes(content[:-9])
    with pytest.raises(ValueError, match=r"log is damaged; overwrite=true starts"):
        experience().restore(EpisodeLog(path, keep=len(content)))
