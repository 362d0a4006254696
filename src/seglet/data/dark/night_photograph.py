"""The image that a camera would have taken of the same scene at night, adapting to it.

Scene light, lamps and glare; a mosaic of electrons with Poisson, read and row noise, amplified, clipped and counted;
demosaicing, noise reduction, white balance, colours, tone curve. Axes: h rows, w columns.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from seglet.data.dark.cameras import SRGB_TO_XYZ, XYZ_TO_CAMERA
from seglet.data.dark.night_camera import NightCamera
from seglet.data.dark.noise import NoiseSource

_NEAR_WHITE = 0.9
"""Mean of a pixel's stored colours from which on it counts as a lamp, wholly at 1."""
_PEDESTAL = 1 / 32
"""Raw value of black, as a share of white: noise below black is kept so far."""
_WINDOW = 5
"""Side of the window of noise reduction, in pixels."""


def photograph_at_night(image: Float32[np.ndarray, "h w 3"], night: NightCamera) -> Float32[np.ndarray, "h w 3"]:
    """Returns an image of values in [0, 1] as the camera takes it at night, in [0, 1]; others are clipped."""
    light = through_lens(night_light(np.clip(image, 0, 1), night), night)
    raw = reduce_noise(demosaic(balance_white(measure_mosaic(light, night), night)), night)
    return develop_raw(_at_size(raw, night.oversampling), night)


def night_light(image: Float32[np.ndarray, "h w 3"], night: NightCamera) -> Float32[np.ndarray, "h w 3"]:
    """Returns the light of the scene in the sensor's colours; 1 fills a pixel that is not amplified.

    A pixel near white was saturated, in all colours: as a lamp it has more light than is seen, and keeps more.
    """
    gains = _gains(night)
    own = _undo_tone(image.astype(np.float64), night.tone) @ _camera_matrix(night.camera).T / gains
    white = np.clip((image.mean(axis=-1, keepdims=True) - _NEAR_WHITE) / (1 - _NEAR_WHITE), 0, 1) ** 2
    saturated = 1 + white * (gains.max() - 1)
    tint = np.array([1 + night.warmth, 1.0, 1 - night.warmth])
    light = own * tint * saturated * 2.0 ** (-night.stops * (1 - night.lamps * white))
    return np.asarray(np.maximum(light, 0), np.float32)


def through_lens(light: Float32[np.ndarray, "h w 3"], night: NightCamera) -> Float32[np.ndarray, "rows columns 3"]:
    """Returns the light on the sensor: scattered, and at its resolution, or behind its low-pass filter."""
    scattered = torch.from_numpy(_scatter(light, night)).permute(2, 0, 1)[None]
    if night.oversampling > 1:
        finer = F.interpolate(scattered, scale_factor=night.oversampling, mode="bilinear", align_corners=False)
    else:
        finer = _blur(_blur(scattered, 0.7, 2), 0.7, 3)
    return np.ascontiguousarray(finer[0].permute(1, 2, 0).numpy())


def _at_size(raw: Float32[np.ndarray, "rows columns 3"], oversampling: int) -> Float32[np.ndarray, "h w 3"]:
    """Returns the mean of the sensor's pixels in each pixel of the image."""
    if oversampling == 1:
        return raw
    rows, columns = (side // oversampling for side in raw.shape[:2])
    return np.asarray(raw.reshape(rows, oversampling, columns, oversampling, 3).mean(axis=(1, 3)))


def _scatter(light: Float32[np.ndarray, "h w 3"], night: NightCamera) -> Float32[np.ndarray, "h w 3"]:
    """Returns the light after the lens has scattered a share of it around its place; the sum stays, but for edges."""
    sigma = night.glare_radius * max(light.shape[:2])
    if not night.glare or sigma < 0.5:
        return light
    step = max(1, int(sigma / 2))  # a blur this wide shows nothing of finer detail
    planes = torch.from_numpy(np.ascontiguousarray(light.transpose(2, 0, 1)))[None]
    small = F.avg_pool2d(planes, step, ceil_mode=True, count_include_pad=False)
    for axis in (2, 3):
        small = _blur(small, sigma / step, axis)
    wide = F.interpolate(small, planes.shape[2:], mode="bilinear", align_corners=False)[0].permute(1, 2, 0).numpy()
    return np.asarray((1 - night.glare) * light + night.glare * wide, np.float32)


def _blur(planes: Tensor, sigma: float, axis: int) -> Tensor:
    reach = max(1, math.ceil(3 * sigma))
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (weights / weights.sum()).reshape((1, 1, -1, 1) if axis == 2 else (1, 1, 1, -1))
    pad = (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0)
    padded = F.pad(planes, pad, mode="replicate")
    return F.conv2d(padded, kernel.repeat(3, 1, 1, 1), groups=3)


def measure_mosaic(light: Float32[np.ndarray, "h w 3"], night: NightCamera) -> Float32[np.ndarray, "h w"]:
    """Returns the raw values of a red-green-green-blue mosaic, amplified, clipped at white and counted; 0 is black."""
    height, width = light.shape[:2]
    normal = NoiseSource(night.noise_seed, uniform=False).rows(height, width).normal
    electrons = count_electrons(_one_colour(light) * night.full_well, normal[..., 0])
    electrons = electrons + night.read_noise * normal[..., 1] + night.row_noise * normal[:, :1, 2]
    raw = np.clip(electrons * (night.iso / night.full_well), -_PEDESTAL, 1)
    steps = (2**night.bits - 1) / (1 + _PEDESTAL)
    return np.asarray((np.rint((raw + _PEDESTAL) * steps) / steps - _PEDESTAL).astype(np.float32))


def count_electrons(mean: Float[np.ndarray, "h w"], normal: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Returns counts of a Poisson distribution of these means at the quantiles of normal values.

    Below 12 the distribution is inverted; above, it is Cornish's and Fisher's expansion, whose mean is exact.
    """
    expanded = np.rint(np.maximum(mean + np.sqrt(mean) * normal + (np.square(normal) - 1) / 6, 0))
    few = mean < 12
    if not few.any():
        return np.asarray(expanded)
    share = torch.special.ndtr(torch.from_numpy(np.ascontiguousarray(normal[few])).double()).numpy()
    probability = np.exp(-mean[few].astype(np.float64))
    below, counts = probability.copy(), np.zeros_like(probability)
    for number in range(1, 40):
        counts += share > below
        probability *= mean[few] / number
        below += probability
    expanded[few] = counts
    return np.asarray(expanded)


def _one_colour(light: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    mosaic = light[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = light[::2, ::2, 0], light[1::2, 1::2, 2]
    return mosaic


def balance_white(mosaic: Float32[np.ndarray, "h w"], night: NightCamera) -> Float32[np.ndarray, "h w"]:
    """Returns the mosaic after white balance; what is above white becomes white."""
    balanced = mosaic.copy()
    balanced[::2, ::2] *= np.float32(night.red_gain)
    balanced[1::2, 1::2] *= np.float32(night.blue_gain)
    return np.asarray(np.minimum(balanced, 1))


def _gains(night: NightCamera) -> Float[np.ndarray, "3"]:
    return np.array([night.red_gain, 1.0, night.blue_gain])


_GREEN = ((0, 0, -1, 0, 0), (0, 0, 2, 0, 0), (-1, 2, 4, 2, -1), (0, 0, 2, 0, 0), (0, 0, -1, 0, 0))
_ACROSS = ((0, 0, 0.5, 0, 0), (0, -1, 0, -1, 0), (-1, 4, 5, 4, -1), (0, -1, 0, -1, 0), (0, 0, 0.5, 0, 0))
_DIAGONAL = ((0, 0, -1.5, 0, 0), (0, 2, 0, 2, 0), (-1.5, 0, 6, 0, -1.5), (0, 2, 0, 2, 0), (0, 0, -1.5, 0, 0))


def demosaic(mosaic: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w 3"]:
    """Returns all colours of a red-green-green-blue mosaic, by linear filters of five by five pixels.

    Source: Malvar, He and Cutler, ICASSP 2004.
    """
    height, width = mosaic.shape
    pad = [(2, 2), (2, 2)]
    padded = np.pad(mosaic, pad, mode="reflect" if min(height, width) > 2 else "edge")
    kernels = torch.tensor([_GREEN, _ACROSS, tuple(zip(*_ACROSS, strict=True)), _DIAGONAL]) / 8
    green, across, down, diagonal = F.conv2d(torch.from_numpy(padded)[None, None], kernels[:, None])[0].numpy()
    found = np.stack([mosaic, mosaic, mosaic], axis=-1)
    red, blue = np.s_[::2, ::2], np.s_[1::2, 1::2]
    by_red, by_blue = np.s_[::2, 1::2], np.s_[1::2, ::2]  # green pixels in rows of red, and of blue
    found[*red, 1], found[*blue, 1] = green[red], green[blue]
    found[*red, 2], found[*blue, 0] = diagonal[red], diagonal[blue]
    found[*by_red, 0], found[*by_red, 2] = across[by_red], down[by_red]
    found[*by_blue, 0], found[*by_blue, 2] = down[by_blue], across[by_blue]
    return found


def reduce_noise(raw: Float32[np.ndarray, "h w 3"], night: NightCamera) -> Float32[np.ndarray, "h w 3"]:
    """Returns colours with less noise: Wiener's filter in small windows, which knows the variance of the sensor."""
    if not night.denoising:
        return raw
    planes = torch.from_numpy(np.ascontiguousarray(raw.transpose(2, 0, 1)))[None]
    mean = _window_mean(planes)
    variance = (_window_mean(planes.square()) - mean.square()).clamp_min(0)
    unit = torch.from_numpy(_gains(night)).float().reshape(3, 1, 1) * (night.iso / night.full_well)
    noise = mean.clamp_min(0) * unit + (night.read_noise**2 + night.row_noise**2) * unit.square()
    kept = (variance - night.denoising * noise).clamp_min(0) / variance.clamp_min(1e-12)
    return np.ascontiguousarray((mean + kept * (planes - mean))[0].permute(1, 2, 0).numpy())


def _window_mean(planes: Tensor) -> Tensor:
    reach = _WINDOW // 2
    return F.avg_pool2d(F.pad(planes, (reach, reach, reach, reach), mode="replicate"), _WINDOW, stride=1)


def develop_raw(raw: Float32[np.ndarray, "h w 3"], night: NightCamera) -> Float32[np.ndarray, "h w 3"]:
    """Returns the image that the camera makes of its balanced colours, by sRGB and tone curve, in [0, 1]."""
    linear = np.clip(np.minimum(raw, 1) @ np.linalg.inv(_camera_matrix(night.camera)).T, 0, 1)
    stored = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    return np.asarray(_tone_curve(stored, night.tone).astype(np.float32))


def _tone_curve(values: Float[np.ndarray, "*shape"], share: float) -> Float[np.ndarray, "*shape"]:
    return np.asarray((1 - share) * values + share * np.square(values) * (3 - 2 * values))


def _undo_tone(values: Float[np.ndarray, "*shape"], share: float) -> Float[np.ndarray, "*shape"]:
    """Returns linear light: inverts the tone curve, by a table, and sRGB's."""
    table = np.linspace(0, 1, 4097)
    stored = np.interp(values, _tone_curve(table, share), table)
    return np.asarray(np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4))


def _camera_matrix(camera: int) -> Float[np.ndarray, "3 3"]:
    """Returns the matrix from linear sRGB to the camera's colours, in which white is (1, 1, 1)."""
    matrix = XYZ_TO_CAMERA[camera] @ SRGB_TO_XYZ
    return np.asarray(matrix / matrix.sum(axis=-1, keepdims=True))
