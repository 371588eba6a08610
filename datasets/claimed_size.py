"""Files that claim more than they hold are refused before anything is allocated for them."""

import os

from calql_vision.datasets.hdf5_layout import DatasetError

#: Most bytes that one packed byte can become: deflate's limit (zlib's "Technical Details"), which
#: gzip, zip and PNG share.
MOST_UNPACKED = 1032
#: What may be claimed of nothing: HDF5 stores no value that was never written.
ALWAYS = 2**24


def check_claim(claimed: int, held: int, place: str) -> None:
    """Raises DatasetError, which begins with `place`, where `held` bytes cannot be `claimed` ones.

    The bound is that of the strongest packing; so much is read for small files in any case.
    """
    if claimed > ALWAYS + MOST_UNPACKED * held:
        raise DatasetError(
            f"{place} claims {claimed:,} bytes, but the {held:,} that are stored cannot hold them; "
            "the file is damaged or made to harm: get it from elsewhere"
        )
    check_memory(claimed, place)


def check_memory(claimed: int, place: str) -> None:
    """Raises DatasetError, which begins with `place`, for more bytes than the machine can hold."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if claimed > memory:
        raise DatasetError(
            f"{place} takes {claimed:,} bytes once unpacked, and this machine's memory is "
            f"{memory:,}; split the episode, or make its images smaller"
        )
