"""Laws of the stage that looks at a file."""

import shutil
from itertools import pairwise
from typing import Any

import h5py
import imageio.v3 as imageio
import numpy as np
import pytest

from calql_vision.datasets.hdf5 import DatasetError, read_episodes
from calql_vision.datasets.returns import RewardConfig
from calql_vision.stages import convert, inspect
from calql_vision.stages.convert import ConvertConfig
from calql_vision.stages.inspect import InspectConfig


def test_inspect_counts_what_is_there(demonstrations, capsys):
    result = inspect.run(InspectConfig(data=str(demonstrations)))
    episodes = list(read_episodes(demonstrations))
    assert [len(e) for e in result.episodes] == [len(e) for e in episodes]
    assert [e.success for e in result.episodes] == [e.success for e in episodes]
    page = capsys.readouterr().out
    for words in (
        "8, of which 4 successful (50%)",
        f"{sum(map(len, episodes))} ",
        "front, wrist: 16 x 16 pixels",
        "robot0_eef_pos 3",
        "train 7, valid 1",
        "start_region 0.5",
        "dimension 3",
    ):
        assert words in page


def test_returns_to_go_are_those_that_the_agent_will_see(demonstrations):
    config = InspectConfig(data=str(demonstrations), reward=RewardConfig(scale=10.0, bias=-5.0))
    for episode in inspect.run(config).episodes:
        if not episode.success:
            assert np.allclose(episode.returns_to_go, -5 / (1 - 0.97))
            continue
        assert episode.returns_to_go[-1] == 5
        for now, later in pairwise(episode.returns_to_go):
            assert now == pytest.approx(-5 + 0.97 * later, rel=1e-5)


def test_the_contact_sheet_shows_two_of_each_outcome(demonstrations):
    result = inspect.run(InspectConfig(data=str(demonstrations)))
    assert result.contact_sheet == demonstrations.with_name("lift_contact_sheet.png")
    picture = imageio.imread(result.contact_sheet)
    assert picture.shape[0] > 500
    assert len(np.unique(picture.reshape(-1, picture.shape[-1]), axis=0)) > 50
    assert not list(demonstrations.parent.glob("*.partial"))


def test_inspect_takes_a_filter_key(demonstrations):
    result = inspect.run(InspectConfig(data=str(demonstrations), filter_key="valid"))
    assert len(result.episodes) == 1


def test_inspect_refuses_a_missing_file(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        inspect.run(InspectConfig(data=str(tmp_path / "gone.hdf5")))


def test_dones_of_no_done_mode_are_suspicious(demonstrations, tmp_path):
    path = tmp_path / "data.hdf5"
    path.write_bytes(demonstrations.read_bytes())
    before = inspect.run(InspectConfig(data=str(path))).suspicious
    with h5py.File(path, "a") as file:
        file["data/demo_0/dones"][1] = 1
    (new,) = set(inspect.run(InspectConfig(data=str(path))).suspicious) - set(before)
    assert "dones agree with none" in new


def without_images(path, tmp_path):
    stripped = tmp_path / "states.hdf5"
    shutil.copy(path, stripped)
    with h5py.File(stripped, "r+") as file:
        for demo in file["data"].values():
            del demo["obs"], demo["next_obs"]
    return stripped


def as_lerobot(path, tmp_path):
    output = tmp_path / "lerobot"
    return convert.run(ConvertConfig(source=str(path), output=str(output), format="lerobot"))


@pytest.mark.parametrize("other", [without_images, as_lerobot])
def test_what_is_not_converted_yet_is_answered_with_the_command(other, demonstrations, tmp_path):
    source = other(demonstrations, tmp_path)
    with pytest.raises(DatasetError, match="convert it first: ") as refusal:
        inspect.run(InspectConfig(data=str(source)))
    words = str(refusal.value).partition("first: calql-vision convert ")[2].split()
    named: dict[str, Any] = dict(word.split("=") for word in words)
    path = convert.run(ConvertConfig(**named))
    assert inspect.run(InspectConfig(data=str(path))).spec.name == "tabletop/lift"
