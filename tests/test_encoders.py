"""Laws of augmentation and encoders, over the table of encoders."""

import pytest
import torch
import torch.nn.functional as F

from calql_vision.encoders import ENCODERS, EncoderConfig, check_encoder
from calql_vision.encoders.augment import color_jitter, random_shift
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.encoders.pixels import ObservationShape, PixelEncoder, augment
from calql_vision.encoders.resnet import ResNet18Config
from calql_vision.types import Observation

SHAPE = ObservationShape(views=2, height=48, width=48, channels=3, proprio=5)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def observation(batch: int = 3, shape: ObservationShape = SHAPE) -> Observation:
    size = (batch, shape.views, shape.height, shape.width, shape.channels)
    images = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator())
    return Observation(images, torch.randn(batch, shape.proprio, generator=generator()))


def test_a_shifted_image_is_a_crop_of_the_edge_padded_one():
    image = torch.randint(0, 256, (1, 9, 7, 3), dtype=torch.uint8, generator=generator())
    view = image[None]
    padded = F.pad(image.permute(0, 3, 1, 2).float(), (2, 2, 2, 2), mode="replicate")
    crops = {
        padded[:, :, y : y + 9, x : x + 7].permute(0, 2, 3, 1).byte().numpy().tobytes()
        for y in range(5)
        for x in range(5)
    }
    draws = generator(1)
    seen = {random_shift(view, 2, draws).numpy().tobytes() for _ in range(400)}
    assert seen == crops


def test_every_sample_and_view_is_shifted_by_itself():
    image = torch.arange(48 * 48 * 3).reshape(48, 48, 3).float()
    shifted = random_shift(image.expand(40, 2, 48, 48, 3), 4, generator())
    assert shifted.shape == (40, 2, 48, 48, 3)
    assert len({view.numpy().tobytes() for sample in shifted for view in sample}) > 40


def test_s_and_next_s_are_shifted_independently():
    draws, same = generator(), observation(16)
    first, second = (augment(same, CNNConfig(), draws).images for _ in range(2))
    assert first.dtype == torch.uint8
    assert not torch.equal(first, second)


def test_no_shift_leaves_the_images_alone():
    images = observation().images
    assert random_shift(images, 0, generator()) is images


def test_colour_jitter_stays_in_range_and_differs_between_samples():
    images = torch.rand(1, 1, 8, 8, 3, generator=generator()).expand(10, 1, 8, 8, 3)
    jittered = color_jitter(images, 0.4, generator())
    assert jittered.min() >= 0
    assert jittered.max() <= 1
    assert len({sample.numpy().tobytes() for sample in jittered}) == 10


def test_stacked_frames_are_jittered_alike():
    frame = torch.rand(4, 1, 8, 8, 3, generator=generator())
    jittered = color_jitter(torch.cat([frame, frame], dim=-1), 0.4, generator())
    torch.testing.assert_close(jittered[..., :3], jittered[..., 3:])


@pytest.mark.parametrize("separate", [False, True], ids=["joint", "separate"])
@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_gives_bounded_features_and_learns_from_every_input(name, separate):
    torch.manual_seed(0)
    encoder = PixelEncoder(SHAPE, ENCODERS[name](features=16, separate_views=separate))
    seen = observation()
    features = encoder(seen)
    assert features.shape == (3, 16)
    assert features.abs().max() < 1
    features.square().sum().backward()
    missing = [n for n, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert missing == []


@pytest.mark.parametrize("name", ENCODERS)
def test_features_do_not_depend_on_the_rest_of_the_batch(name):
    torch.manual_seed(0)
    encoder = PixelEncoder(SHAPE, ENCODERS[name](features=16))
    seen = observation(4)
    alone = encoder(Observation(seen.images[:1], seen.proprio[:1]))
    torch.testing.assert_close(encoder(seen)[:1], alone, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_view_and_the_proprioception_matter(name):
    torch.manual_seed(0)
    encoder = PixelEncoder(SHAPE, ENCODERS[name](features=16))
    seen = observation()
    for view in range(SHAPE.views):
        images = seen.images.clone()
        images[:, view] = 0
        assert not torch.allclose(encoder(Observation(images, seen.proprio)), encoder(seen))
    assert not torch.allclose(encoder(Observation(seen.images, -seen.proprio)), encoder(seen))


def test_bytes_and_floats_are_encoded_alike():
    encoder = PixelEncoder(SHAPE, CNNConfig(features=16))
    seen = observation()
    as_floats = Observation(seen.images.float() / 255, seen.proprio)
    torch.testing.assert_close(encoder(seen), encoder(as_floats))


def test_proprioception_is_normalised_by_the_given_statistics():
    encoder = PixelEncoder(SHAPE, CNNConfig(features=16))
    seen = observation()
    plain = encoder(seen)
    encoder.normalise_proprio(torch.full((5,), 3.0), torch.full((5,), 0.1))
    scaled = Observation(seen.images, seen.proprio * 0.1 + 3.0)
    torch.testing.assert_close(encoder(scaled), plain, rtol=1e-4, atol=1e-4)
    assert "proprio_mean" in encoder.state_dict()


def test_an_unknown_encoder_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"vit.*cnn.*visual_core"):
        check_encoder(EncoderConfig(name="vit"))
    with pytest.raises(ValueError, match=r"impala does not go with CNNConfig.*encoder=impala"):
        check_encoder(CNNConfig(name="impala"))


@pytest.mark.parametrize("separate", [False, True], ids=["joint", "separate"])
def test_resnet_takes_weights_from_a_local_file(tmp_path, separate):
    from torchvision.models import resnet18

    network = resnet18()
    torch.save(network.state_dict(), tmp_path / "resnet18.pt")
    config = ResNet18Config(weights=str(tmp_path / "resnet18.pt"), separate_views=separate)
    first = PixelEncoder(SHAPE, config).backbones[0][0].weight
    repeats = 1 if separate else 2
    expected = network.conv1.weight.repeat(1, repeats, 1, 1) / repeats
    torch.testing.assert_close(first, expected)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    for path, problem in (
        (tmp_path / "missing.pt", "no such file"),
        (tmp_path / "bad.pt", "conv1"),
    ):
        torch.save({"other": torch.zeros(1)}, tmp_path / "bad.pt")
        with pytest.raises(ValueError, match=problem):
            PixelEncoder(SHAPE, ResNet18Config(weights=str(path)))
