"""What claims more than it holds is refused before it is allocated, with both numbers."""

import json
import resource
import struct
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from calql_vision.datasets.claimed_size import MOST_UNPACKED, check_claim
from calql_vision.datasets.hdf5 import DatasetError, read_episodes
from calql_vision.envs.robosuite.assets import check_model
from calql_vision.formats.lerobot_table import pictures, read_table
from calql_vision.stages import convert
from calql_vision.stages.convert import ConvertConfig

FAR = 10**10  # rows
BOTH = r"claims [\d,]+ bytes, but the [\d,]+ that are stored cannot hold them"


@contextmanager
def little_memory():
    """A GiB of address space more than there is now: what allocates first, fails here."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize("packing", [None, "gzip"])
def test_an_empty_dataset_of_many_rows_is_refused(foreign_file, demo, packing):
    path = foreign_file({"demo_0": demo([0, 0, 1])})
    with h5py.File(path, "a") as file:
        del file["data/demo_0/rewards"]
        file["data/demo_0"].create_dataset(
            "rewards", (FAR,), "f8", chunks=(1024,), compression=packing
        )
    with little_memory(), pytest.raises(DatasetError, match=f"data/demo_0/rewards {BOTH}"):
        list(read_episodes(path))


def test_what_was_never_written_is_read_where_it_is_small(foreign_file, demo):
    path = foreign_file({"demo_0": demo([0, 0, 0])})
    with h5py.File(path, "a") as file:
        del file["data/demo_0/rewards"]
        file["data/demo_0"].create_dataset("rewards", (3,), "f8", chunks=(3,))
    (episode,) = read_episodes(path)
    assert episode.rewards.tolist() == [0, 0]


def header(shape: tuple[int, ...]) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def test_an_npz_whose_header_claims_more_than_its_bytes_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "0.npz", "w") as archive:
        archive.writestr("actions.npy", header((FAR, 2)) + bytes(64))
    with (
        little_memory(),
        pytest.raises(DatasetError, match=r"actions claims 160,000,000,000 bytes but holds 64"),
    ):
        convert.run(ConvertConfig(source=str(tmp_path), output=str(tmp_path / "out.hdf5")))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_npz_that_is_packed_more_than_numpy_can_is_refused(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "0.npz", "w", method) as archive:
        archive.writestr("actions.npy", header((2**22, 2)) + bytes(2**26))
    with pytest.raises(DatasetError, match="actions is not packed as numpy packs it"):
        convert.run(ConvertConfig(source=str(tmp_path), output=str(tmp_path / "out.hdf5")))


def test_nothing_that_deflate_made_is_refused():
    for size in (10**6, 10**7, 10**8):
        check_claim(size, len(zlib.compress(bytes(size), 9)), "zeros")
    with pytest.raises(DatasetError, match=BOTH):
        check_claim(MOST_UNPACKED * 10**6 + 2**25, 10**6, "more")


def test_more_than_the_machine_s_memory_is_refused():
    with pytest.raises(DatasetError, match=r"takes [\d,]+ bytes once unpacked, .* memory is"):
        check_claim(2**60, 2**59, "an episode")


def test_a_table_of_few_bytes_and_many_rows_is_refused(tmp_path):
    rows = pyarrow.table({"action": np.zeros(2**25)})
    pyarrow.parquet.write_table(rows, tmp_path / "file.parquet", compression="zstd")
    with pytest.raises(DatasetError, match=f"33,554,432 rows {BOTH}"):
        read_table(tmp_path / "file.parquet")


def png(height: int, width: int) -> bytes:
    """The beginning of one; the rest is not there."""
    size = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n\0\0\0\r" + size + struct.pack(">I", zlib.crc32(size))
    return start + b"\0\0\0\x08IDAT"


def test_a_picture_has_the_size_that_its_dataset_says():
    with little_memory(), pytest.raises(DatasetError, match="is 5000 x 5000 pixels, not 8 x 8"):
        pictures("wrist", [{"bytes": png(5000, 5000)}], [8, 8, 3], held=10**6)
    with little_memory(), pytest.raises(DatasetError, match=r"cannot be unpacked .*900000000 pix"):
        pictures("wrist", [{"bytes": png(30000, 30000)}], [8, 8, 3], held=10**6)
    with little_memory(), pytest.raises(DatasetError, match=BOTH):
        pictures("wrist", [{"bytes": png(8, 8)}] * 9, [30000, 30000, 3], held=10**6)


@pytest.mark.parametrize(
    "part",
    [
        "<asset><hfield name='h' size='1 1 1 1' nrow='100000' ncol='100000'/></asset>",
        "<asset><texture name='t' type='2d' builtin='flat' width='9' height='9999999'/></asset>",
        "<size memory='1T'/>",
        "<worldbody><replicate count='1000000000'><geom size='1'/></replicate></worldbody>",
    ],
)
def test_a_model_claims_no_size(part):
    with pytest.raises(ValueError, match=r"it (claims|has) "):
        check_model(f"<mujoco>{part}</mujoco>", Path("/"))


def test_env_args_claim_no_picture_of_any_size(foreign_file, demo, tmp_path):
    arrays = demo([0, 1]) | {"states": np.zeros((2, 5))}
    env_args = {"env_name": "tabletop/lift", "type": 2}
    for key, value in (("camera_heights", 10**6), ("horizon", 10**12)):
        kwargs = {"camera_heights": 8, "camera_widths": 8} | {key: value}
        path = foreign_file({"demo_0": arrays}, json.dumps(env_args | {"env_kwargs": kwargs}))
        with pytest.raises(DatasetError, match=f"{key} is {value}, not a whole number"):
            convert.run(ConvertConfig(source=str(path), output=str(tmp_path / "out.hdf5")))
