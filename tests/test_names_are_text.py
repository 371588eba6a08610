"""Names out of files are shown as text: no terminal, no markup, no formula obeys them."""

import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import pytest

from calql_vision.cli import plain_warning
from calql_vision.datasets.hdf5 import DatasetError, read_spec
from calql_vision.datasets.names import in_order, is_plain, printable
from calql_vision.datasets.progress import warn
from calql_vision.stages import inspect
from calql_vision.stages.inspect import InspectConfig

RED, TITLE = "\x1b[31m", "\x1b]0;owned\x07"
HOSTILE = ["[red]x", "$^$", "<script>", ":bomb:", "%s {0}", "a`b"]  # but plain


def test_what_a_terminal_would_obey_is_spelt():
    assert printable(f"{RED}x{TITLE}\u202e\ud800") == ("\\x1b[31mx\\x1b]0;owned\\x07\\u202e\\ud800")
    assert printable("two\nlines, é 立方体") == "two\nlines, é 立方体"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", RED, "x\n", "x" * 201, "\u202e", 3])
def test_names_that_are_not_plain(name):
    assert not is_plain(name)


def test_numbers_in_names_count_whatever_their_length():
    names = [f"demo_{number}" for number in (2, 10, 10**30, "1" + 5000 * "0")]
    assert in_order(reversed(names)) == names
    assert in_order(["²", "demo_1", "a1b2", "a1b10"]) == ["a1b2", "a1b10", "demo_1", "²"]


def named(foreign_file, demo, name: str) -> Path:
    """A file whose environment, camera, proprioception and demo have this name."""
    arrays = demo([0, 1])
    arrays[f"obs/{name}_image"] = arrays.pop("obs/agentview_image")
    arrays[f"obs/{name}"] = arrays.pop("obs/robot0_eef_pos")
    env_args = {"env_name": name, "env_version": name, "env_kwargs": {"key": name}}
    return foreign_file({name: arrays}, env_args, masks={"train": [name]})


@pytest.mark.parametrize("name", HOSTILE)
def test_a_page_shows_names_as_they_are(foreign_file, demo, name, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    path = named(foreign_file, demo, name)
    inspect.run(InspectConfig(data=str(path), contact_sheet=str(tmp_path / "sheet.png")))
    assert capsys.readouterr().out.count(name) >= 5


@pytest.mark.parametrize("text", [RED, TITLE, "\x9b31m"])
def test_a_page_obeys_no_other_text(foreign_file, demo, text, tmp_path, capsys):
    path = foreign_file({"demo_0": demo([0, 1])}, {"env_name": text, "env_version": text})
    inspect.run(InspectConfig(data=str(path), contact_sheet=str(tmp_path / "sheet.png")))
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b"} & set(out)
    assert printable(text) in out


@pytest.mark.parametrize("place", ["demo", "camera", "proprioception"])
def test_other_names_are_refused_spelt(foreign_file, demo, place):
    path = foreign_file({"demo_0": demo([0, 1])})
    with h5py.File(path, "a") as file:
        old, new = {
            "demo": ("demo_0", RED),
            "camera": ("demo_0/obs/agentview_image", f"demo_0/obs/{RED}_image"),
            "proprioception": ("demo_0/obs/robot0_eef_pos", f"demo_0/obs/{RED}"),
        }[place]
        file["data"].move(old, new)
    with pytest.raises(ValueError, match=r"'\\x1b\[31m(_image)?' is no plain name"):
        read_spec(path)


def test_errors_and_warnings_are_text(tmp_path, capsys):
    path = tmp_path / f"{RED}data.hdf5"
    path.write_text("no HDF5")
    command = [sys.executable, "-m", "calql_vision", "inspect", f"data='{path}'"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert "\x1b" not in ended.stderr
    warn(RED)
    assert capsys.readouterr().err == "warning: \\x1b[31m\n"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn(RED, stacklevel=1)
    assert plain_warning(caught[0].message, UserWarning, "", 0) == "warning: \\x1b[31m\n"


def test_a_dangling_demo_is_named_not_dropped(foreign_file, demo):
    path = foreign_file({"demo_0": demo([0, 1])})
    with h5py.File(path, "a") as file:
        file["data/demo_1"] = h5py.SoftLink("/nowhere")
    with pytest.raises(DatasetError, match="data/demo_1 is a link to nothing"):
        read_spec(path)
