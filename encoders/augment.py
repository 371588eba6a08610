"""Augmentation of image batches, per sample, as batched operations on the device."""

import torch
from torch import Tensor


def random_shift(images: Tensor, pad: int, generator: torch.Generator) -> Tensor:
    """Shift every view by up to `pad` pixels each way; the edge pixels are repeated.

    `images` [B, V, H, W, C] of any type; every sample and view gets a shift of its own. Same
    result as padding by replication and cropping at random (DrQ, arXiv 2004.13649), without
    interpolation, so that uint8 stays uint8. In memory the result is ordered B, H, W, V, C: all
    channels of a pixel together, which is what the convolutions read, so that this gather is
    the only copy.
    """
    if pad == 0:
        return images
    batch, views, height, width, channels = images.shape
    device, size = images.device, (batch, 1, views)
    shifts = torch.randint(-pad, pad + 1, (2, *size), generator=generator, device=device)
    rows = (torch.arange(height, device=device)[:, None] + shifts[0]).clamp_(0, height - 1)
    columns = (torch.arange(width, device=device)[:, None] + shifts[1]).clamp_(0, width - 1)
    view = torch.arange(batch * views, device=device).view(size)
    rows = (rows + view * height) * width  # [B, H, V]: where the row starts
    places = rows[:, :, None] + columns[:, None]  # [B, H, W, V]
    pixels = images.reshape(-1, channels).index_select(0, places.reshape(-1))
    return pixels.view(batch, height, width, views, channels).permute(0, 3, 1, 2, 4)


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
