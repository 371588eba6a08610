"""Augmentation of image batches, per sample, as batched operations on the device."""

import torch
from torch import Tensor


def random_shift(images: Tensor, pad: int, generator: torch.Generator) -> Tensor:
    """Shift every view by up to `pad` pixels each way; the edge pixels are repeated.

    `images` [B, V, H, W, C] of any type; every sample and view gets a shift of its own. Same
    result as padding by replication and cropping at random (DrQ, arXiv 2004.13649), without
    interpolation, so that uint8 stays uint8. In memory the result is ordered V, B, H, W, C: each
    view is one piece.
    """
    if pad == 0:
        return images
    batch, views, height, width, channels = images.shape
    device = images.device
    shifts = torch.randint(-pad, pad + 1, (2, batch, 1, views), generator=generator, device=device)
    rows = (torch.arange(height, device=device)[:, None] + shifts[0]).clamp_(0, height - 1)
    image = torch.arange(batch * views, device=device).view(batch, 1, views)
    wide = width + 2 * pad
    starts = ((rows + image * height) * wide + shifts[1] + pad) * channels  # [B, H, V]
    shifted = _windows(_widened(images, pad), starts.permute(2, 0, 1), width * channels)
    return shifted.unflatten(-1, (width, channels)).transpose(0, 1)


def _widened(images: Tensor, pad: int) -> Tensor:
    """The first and the last column repeated: [..., W, C] -> [..., pad + W + pad, C]."""
    width = images.shape[-2]
    wide = images.new_empty(*images.shape[:-2], width + 2 * pad, images.shape[-1])
    wide[..., :pad, :] = images[..., :1, :]
    wide[..., pad : pad + width, :] = images
    wide[..., pad + width :, :] = images[..., -1:, :]
    return wide


def _windows(values: Tensor, starts: Tensor, length: int) -> Tensor:
    """`length` values from each start on, counted in the order of memory: [*starts, length].

    One copy of whole rows, several times faster than one of single pixels.
    """
    flat = values.flatten()
    every = flat.as_strided((len(flat) - length + 1, length), (1, 1))  # overlap, and cost nothing
    return every.index_select(0, starts.flatten()).view(*starts.shape, length)


def color_jitter(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Random brightness, contrast and saturation, each by a factor in 1 +- `strength`.

    `images` float [B, ..., H, W, C] in [0, 1] with C a multiple of 3 (stacked frames); one set of
    factors per sample and view, the same for stacked frames, so that motion stays visible.
    """
    if strength == 0:
        return images
    *lead, height, width, channels = images.shape
    rgb = images.reshape(-1, height, width, channels // 3, 3)
    factors = 1 + strength * (
        2 * torch.rand(3, len(rgb), 1, 1, 1, 1, generator=generator, device=images.device) - 1
    )
    brightness, contrast, saturation = factors
    rgb = (rgb * brightness).clamp(0, 1)
    grey = rgb.mean(dim=-1, keepdim=True)
    rgb = (grey.mean(dim=(1, 2, 3), keepdim=True).lerp(rgb, contrast)).clamp(0, 1)
    rgb = (rgb.mean(dim=-1, keepdim=True).lerp(rgb, saturation)).clamp(0, 1)
    return rgb.reshape(*lead, height, width, channels)
