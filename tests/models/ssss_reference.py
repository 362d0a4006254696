"""SSSS in evaluation mode as plain functions of its published tensors: slow, and easy to hold against the paper."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]


def norm(x: Tensor, w: Weights, name: str, affine: bool = True) -> Tensor:
    scale, shift = (w[f"{name}.weight"], w[f"{name}.bias"]) if affine else (None, None)
    return F.batch_norm(x, w[f"{name}.running_mean"], w[f"{name}.running_var"], scale, shift)


def conv(x: Tensor, w: Weights, name: str, stride: int = 1, dilation: int = 1) -> Tensor:
    kernel = w[f"{name}.weight"]
    return F.conv2d(x, kernel, w.get(f"{name}.bias"), stride, dilation * (kernel.shape[-1] // 2), dilation)


def block(x: Tensor, w: Weights, name: str, stride: int = 1, first: int = 1, dilation: int = 1) -> Tensor:
    active = norm(x, w, f"{name}.bn_branch2a").relu()
    shortcut = conv(active, w, f"{name}.conv_branch1", stride) if f"{name}.conv_branch1.weight" in w else x
    branch = conv(active, w, f"{name}.conv_branch2a", stride, first)
    branch = conv(norm(branch, w, f"{name}.bn_branch2b1").relu(), w, f"{name}.conv_branch2b1", 1, dilation)
    if f"{name}.bn_branch2b2.weight" in w:
        branch = conv(norm(branch, w, f"{name}.bn_branch2b2").relu(), w, f"{name}.conv_branch2b2")
    return branch + shortcut


def backbone(x: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
    """The shallow map, b3_2, and the deep one, bn7."""
    x = conv(x, w, "conv1a")
    for name in ("b2", "b2_1", "b2_2", "b3", "b3_1", "b3_2"):
        x = block(x, w, name, stride=2 if len(name) == 2 else 1)
    shallow = x
    for name in ("b4", "b4_1", "b4_2", "b4_3", "b4_4", "b4_5"):
        x = block(x, w, name, stride=2 if len(name) == 2 else 1)
    for name, first, dilation in (("b5", 1, 2), ("b5_1", 2, 2), ("b5_2", 2, 2), ("b6", 1, 4), ("b7", 1, 4)):
        x = block(x, w, name, 1, first, dilation)
    return shallow, norm(x, w, "bn7").relu()


def aspp(x: Tensor, w: Weights) -> Tensor:
    views = []
    for number, rate in ((1, 1), (2, 12), (3, 24), (4, 36)):
        view = conv(x, w, f"aspp.aspp{number}.atrous_conv", 1, rate)
        views.append(norm(view, w, f"aspp.aspp{number}.bn").relu())
    whole = conv(F.adaptive_avg_pool2d(x, 1), w, "aspp.global_avg_pool.1")
    views.append(norm(whole, w, "aspp.global_avg_pool.2").relu().expand_as(views[0]))
    return norm(conv(torch.cat(views, 1), w, "aspp.conv1"), w, "aspp.bn1").relu()


def layer(x: Tensor, w: Weights, name: str, first: int = 0) -> Tensor:
    return norm(conv(x, w, f"{name}.{first}"), w, f"{name}.{first + 1}").relu()


def masks_logits(x: Tensor, w: Weights) -> Tensor:
    """From normalised images to logits with the background."""
    shallow, deep = backbone(x, w)
    larger = F.interpolate(aspp(deep, w), shallow.shape[2:], mode="bilinear", align_corners=True)
    deep = layer(torch.cat([larger, layer(shallow, w, "fc8_skip")], 1), w, "fc8_x")
    gamma, beta = layer(deep, w, "shallow_mask.fc_deep").amax((2, 3), keepdim=True).chunk(2, 1)
    plain = norm(conv(shallow, w, "shallow_mask.fc_skip.0"), w, "shallow_mask.fc_skip.1", affine=False)
    injected = layer(F.relu(plain * (gamma + 1) + beta), w, "shallow_mask.fc_cls")
    mixed = layer(layer(0.7 * deep + 0.3 * injected, w, "last_conv"), w, "last_conv", 4)
    foreground = conv(mixed, w, "last_conv.8")
    return torch.cat([torch.ones_like(foreground[:, :1]), foreground], 1)
