"""A network that is not trained: the features of every frame are computed once."""

import torch
from torch import Tensor, nn

_AT_ONCE = 32  # frames, whose bits are multiplied together


class FrozenFeatures(nn.Module):
    """Remembers features by the content of frames, on the device that they come from.

    Copies of it are itself: what never changes need not exist twice. `capacity` is the most frames
    that are remembered; others are computed whenever they are seen.
    """

    def __init__(self, network: nn.Module, capacity: int):
        super().__init__()
        self.network = network.requires_grad_(False).eval()
        self._capacity = capacity
        self._rows: dict[int, int] = {}  # fingerprint -> row of the table
        self._table = torch.empty(0, 0)

    def __deepcopy__(self, memo: dict) -> "FrozenFeatures":
        return self

    def train(self, mode: bool = True) -> "FrozenFeatures":
        """It stays as it is."""
        return super().train(False)

    def _load_from_state_dict(self, *args: object) -> None:
        super()._load_from_state_dict(*args)
        self._rows.clear()  # other weights may have come

    @torch.no_grad()
    def forward(self, frames: Tensor) -> Tensor:
        """Float [N, 3, H, W] -> [N, F], without gradient."""
        keys = fingerprints(frames).tolist()
        places = {key: place for place, key in enumerate(keys) if key not in self._rows}
        if not places:
            return self._table[[self._rows[key] for key in keys]]
        computed = self.network(frames[list(places.values())]).float()
        order = {key: number for number, key in enumerate(places)}
        features = computed.new_empty(len(keys), computed.shape[1])
        known = [place for place, key in enumerate(keys) if key in self._rows]
        fresh = [place for place, key in enumerate(keys) if key in order]
        if known:
            features[known] = self._table[[self._rows[keys[place]] for place in known]]
        features[fresh] = computed[[order[keys[place]] for place in fresh]]
        self._remember(list(order), computed)
        return features

    def _remember(self, keys: list[int], computed: Tensor) -> None:
        begin = len(self._rows)
        kept = keys[: max(0, self._capacity - begin)]
        if begin == 0:
            self._table = computed.new_empty(0, computed.shape[1])
        if begin + len(kept) > len(self._table):
            more = computed.new_empty(max(len(kept), len(self._table)), computed.shape[1])
            self._table = torch.cat([self._table, more])
        self._table[begin : begin + len(kept)] = computed[: len(kept)]
        self._rows |= {key: begin + number for number, key in enumerate(kept)}


def fingerprints(frames: Tensor) -> Tensor:
    """int64 [N] of float frames [N, ...]: equal for equal frames; for others as good as never."""
    bits = frames.float().flatten(1).contiguous().view(torch.int32)
    draws = torch.Generator().manual_seed(0)
    factors = torch.randint(-(2**63), 2**63 - 1, bits.shape[1:], generator=draws)
    factors = factors.to(frames.device) | 1
    return torch.cat([(part.long() * factors).sum(1) for part in bits.split(_AT_ONCE)])
