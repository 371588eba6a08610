"""Laws of data sets larger than memory: the same samples, from frames that stay on disk."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.frame_store import format_bytes, parse_bytes, read_episodes_within
from calql_vision.datasets.hdf5 import DatasetError, EpisodeWriter
from calql_vision.datasets.hdf5_read import count_frames, read_episodes
from calql_vision.datasets.hdf5_select import Selection
from calql_vision.datasets.returns import RewardConfig
from calql_vision.engine.demonstrations import memory_budget
from calql_vision.runs.config import DataConfig

#: (length, success) of the demos; without next_obs the failures lose their last transition and
#: the demo of one failed step is left out.
DEMOS = [(5, True), (7, False), (1, True), (1, False), (9, False), (4, True)]


@pytest.fixture
def written(tmp_path, small_spec, random_episode):
    """written(seed=0, **storage) -> a data file of DEMOS."""

    def write(seed=0, demos=DEMOS, spec=small_spec, **storage):
        path = tmp_path / "data.hdf5"
        with EpisodeWriter(path, spec, versions={"test": "1"}, **storage) as writer:
            for number, (steps, success) in enumerate(demos):
                writer.append(random_episode(spec, steps, success, seed=100 * seed + number))
        return path

    return write


def buffer_of(episodes, frame_stack=1):
    buffer = EpisodeBuffer(0.9, RewardConfig(), frame_stack)
    for episode in episodes:
        buffer.append(episode)
    return buffer


def assert_same_batch(one, other):
    for part in ("observation", "next_observation"):
        for name in ("images", "proprio"):
            first, second = getattr(getattr(one, part), name), getattr(getattr(other, part), name)
            assert first.dtype == second.dtype
            assert torch.equal(first, second)
    for name in ("action", "reward", "discount", "return_to_go", "success"):
        assert torch.equal(getattr(one, name), getattr(other, name))


@pytest.mark.filterwarnings("ignore:.*is left out")
@pytest.mark.parametrize("frame_stack", [1, 3])
@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(filter_key="train"),
        Selection(cameras=["wrist"], proprio_keys=[]),
        Selection(image_size=(8, 8)),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "storage", [{}, {"compression": "gzip"}, {"next_obs": True}], ids=["raw", "gzip", "next_obs"]
)
def test_samples_are_those_from_memory_bit_for_bit(written, storage, selection, frame_stack):
    path = written(**storage)
    memory = buffer_of(read_episodes(path, selection), frame_stack)
    for _ in range(2):  # written, and used again
        mapped = buffer_of(read_episodes_within(path, 0, selection=selection), frame_stack)
        assert len(mapped) == len(memory)
        assert mapped.pixel_bytes == memory.pixel_bytes
        for seed in range(3):
            first, second = (b.sample(16, np.random.default_rng(seed)) for b in (memory, mapped))
            assert_same_batch(first, second)


def test_frames_are_counted_without_reading_them(written):
    for storage in ({}, {"next_obs": True}):
        path = written(demos=[(5, True), (7, False)], **storage)
        found = sum(len(episode.images) for episode in read_episodes(path))
        assert count_frames(path) == found


def test_within_the_budget_everything_is_in_memory_and_nothing_is_written(written):
    path = written(next_obs=True)
    pixels = sum(episode.images.nbytes for episode in read_episodes(path))
    for budget in (None, pixels):
        (episode, *_) = read_episodes_within(path, budget)
        assert episode.images.flags.owndata
        assert os.listdir(path.parent) == ["data.hdf5"]
    (episode, *_) = read_episodes_within(path, pixels - 1)
    assert not episode.images.flags.writeable
    assert sorted(os.listdir(path.parent)) == ["data.hdf5", "data.hdf5.frames"]


def test_a_store_that_is_damaged_is_noticed_and_made_again(written, capsys):
    path = written(next_obs=True)
    whole = [episode.images.copy() for episode in read_episodes_within(path, 0)]
    folder = path.with_name("data.hdf5.frames")
    for name, damage in (("*.frames", os.urandom), ("*.json", os.urandom), ("*.json", bytes)):
        (file,) = folder.glob(name)
        file.write_bytes(damage(file.stat().st_size))
        capsys.readouterr()
        again = [episode.images.copy() for episode in read_episodes_within(path, 0)]
        assert "used again" not in capsys.readouterr().out
        assert all(map(np.array_equal, whole, again))
    list(read_episodes_within(path, 0))
    assert "used again" in capsys.readouterr().out


def test_each_frame_is_stored_once(written):
    path = written(next_obs=True)
    buffer = buffer_of(read_episodes_within(path, 0))
    (frames,) = path.with_name("data.hdf5.frames").glob("*.frames")
    assert frames.stat().st_size == buffer.pixel_bytes


def test_an_unchanged_file_is_not_stored_again_and_says_so(written, capsys):
    path = written(next_obs=True)
    list(read_episodes_within(path, 0))
    assert "larger than the memory budget" in capsys.readouterr().out
    (frames,) = path.with_name("data.hdf5.frames").glob("*.frames")
    before = frames.stat()
    list(read_episodes_within(path, 0))
    assert "used again" in capsys.readouterr().out
    assert (frames.stat().st_ino, frames.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_changed_file_is_stored_anew_and_the_old_frames_go(written, capsys):
    list(read_episodes_within(written(next_obs=True), 0))
    path = written(seed=1, next_obs=True)
    capsys.readouterr()
    mapped = buffer_of(read_episodes_within(path, 0))
    assert "has changed" in capsys.readouterr().out
    memory = buffer_of(read_episodes(path))
    assert_same_batch(*(b.gather(np.arange(len(b))) for b in (memory, mapped)))
    assert len(list(path.with_name("data.hdf5.frames").iterdir())) == 2


def test_other_cameras_are_another_store_beside_the_first(written):
    path = written(next_obs=True)
    list(read_episodes_within(path, 0))
    list(read_episodes_within(path, 0, selection=Selection(cameras=["wrist"])))
    found = path.with_name("data.hdf5.frames").glob("*.json")
    assert sorted(json.loads(each.read_text())["cameras"] for each in found) == [
        ["front", "wrist"],
        ["wrist"],
    ]


def test_frames_cut_short_are_stored_again(written):
    path = written(next_obs=True)
    list(read_episodes_within(path, 0))
    (frames,) = path.with_name("data.hdf5.frames").glob("*.frames")
    frames.write_bytes(frames.read_bytes()[:-1])
    mapped, memory = buffer_of(read_episodes_within(path, 0)), buffer_of(read_episodes(path))
    assert_same_batch(*(b.gather(np.arange(len(b))) for b in (memory, mapped)))


def test_an_interrupted_copy_leaves_nothing_that_could_be_used(written, monkeypatch):
    path = written(next_obs=True)

    def interrupted(*arguments):
        yield next(read_episodes(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr("calql_vision.datasets.frame_store.read_episodes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(read_episodes_within(path, 0))
    assert list(path.with_name("data.hdf5.frames").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused_with_the_remedy(written):
    path = written(next_obs=True)
    with pytest.raises(DatasetError, match=r"cannot be stored .*set data\.frame_store"):
        list(read_episodes_within(path, 0, folder=path / "inside_a_file"))


def test_a_full_disk_is_noticed_before_anything_is_written(written, monkeypatch):
    path = written(next_obs=True)
    usage = replace_free(1000)
    monkeypatch.setattr("calql_vision.datasets.frame_store.shutil.disk_usage", usage)
    with pytest.raises(DatasetError, match="only 1 kB are free"):
        list(read_episodes_within(path, 0))
    assert list(path.with_name("data.hdf5.frames").iterdir()) == []


def replace_free(free):
    import shutil

    found = shutil.disk_usage("/")
    return lambda folder: found._replace(free=free)


_RESIDENT = """
import sys
from pathlib import Path
import numpy as np
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.frame_store import read_episodes_within
from calql_vision.datasets.returns import RewardConfig

def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))

buffer, random = EpisodeBuffer(0.9, RewardConfig()), np.random.default_rng(0)
path, budget = sys.argv[1], int(sys.argv[2]) or None
before = anonymous()
for episode in read_episodes_within(path, budget):
    buffer.append(episode)
for _ in range(20):
    buffer.sample(64, random)
print(buffer.pixel_bytes, anonymous() - before)
"""


def test_the_frames_of_a_store_take_no_memory_of_their_own(written, small_spec):
    spec = replace(small_spec, image_size=(64, 64))
    path = written(demos=[(40, False)] * 40, spec=spec, next_obs=True)
    taken = {}
    for budget in (0, 1):
        command = [sys.executable, "-c", _RESIDENT, str(path), str(budget)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        pixels, taken[budget] = map(int, run.stdout.splitlines()[-1].split())
    assert pixels > 40e6
    assert taken[0] > 0.9 * pixels, "in memory"
    assert taken[1] < 0.4 * pixels, "a batch and an episode, whatever the size of the file"


@pytest.mark.parametrize(
    ("text", "number"),
    [("4GiB", 4 * 2**30), ("1.5 GB", 1_500_000_000), ("300MB", 300_000_000), ("0B", 0)],
)
def test_sizes_are_read_with_their_units(text, number):
    assert parse_bytes(text) == number


@pytest.mark.parametrize("text", ["4G", "4", "lots", "-1GiB", "GiB", "4 GiB each", ""])
def test_a_size_that_is_none_is_refused_with_its_value_and_the_units(text):
    with pytest.raises(ValueError, match=r"data\.memory_budget: '" + text + ".*GiB"):
        memory_budget(DataConfig(memory_budget=text))


def test_sizes_are_written_short():
    assert [format_bytes(n) for n in (999, 42_000, 3_386_880_000)] == ["999 B", "42 kB", "3.39 GB"]
