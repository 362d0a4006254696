"""Texts of the tiny models' cards beside what is measured."""

from collections.abc import Mapping

from tools.pretrain.session import SCENE_COUNTS, ModelDescription

TRAINING_SCENES = f"the first {SCENE_COUNTS[64]} scenes of the embedded world's split `pretrain`, and no others"

_ANSWERS = {
    "shape": "right shapes, held-out scenes with one object",
    "hue": "right hues",
    "texture": "right textures",
    "background": "right backgrounds",
}


def _backbone(name: str) -> ModelDescription:
    return ModelDescription(
        f"Weights of {name} to start from, as ImageNet's are: trained to tell shape, hue, texture and background of "
        "scenes with one object. The head starts from chance.",
        "a segmenter's folder, for `student_weights`",
        f"those with one object of {TRAINING_SCENES}; classes and attributes, no mask",
        _ANSWERS,
    )


DESCRIPTIONS: Mapping[str, ModelDescription] = {
    "clip": ModelDescription(
        "A miniature of CLIP: a contrast of whole images and captions, and, for the tokens of the third layer, a late "
        "interaction of patches with the caption's words for things and places.",
        "transformers, CLIPModel with tokenizer and image processor",
        f"{TRAINING_SCENES}, with their captions; no mask",
        {
            "tag_map": "mean average precision of tags, zero-shot: whole images, prompts averaged over backgrounds, "
            "the share of each class among the ten",
            "single_accuracy": "right shapes in the same way, scenes with one object",
            "patch_text_miou": "mIoU of plain patch-text similarity, tags known, best threshold",
            "patch_text_sharp_miou": "the same with an identity added to the attention of the last three layers and "
            "the mean similarity to background words subtracted",
        },
    ),
    "depth": ModelDescription(
        "A miniature of Depth Anything: relative nearness of every pixel, larger is nearer.",
        "transformers, DepthAnythingForDepthEstimation with image processor",
        f"{TRAINING_SCENES}, with their depth",
        {"correlation": "mean correlation with true nearness within an image"},
    ),
    "captioner": ModelDescription(
        "A miniature of BLIP that says what is in a scene, behind the prompts 'a photo of' and 'a photo contains'.",
        "transformers, BlipForConditionalGeneration with processor",
        f"{TRAINING_SCENES}, with their captions",
        {
            "same_classes": "captions that name exactly the classes that are there",
            "precision": "of the classes named, share that is there",
            "recall": "of the classes there, share that is named",
            "same_background": "captions that name the right background",
        },
    ),
    "stable-diffusion": ModelDescription(
        "A miniature of Stable Diffusion 2: a VAE with a quarter of the pixels each way, a UNet that predicts "
        "velocities, the tiny CLIP's text encoder. 64 × 64 pixels.",
        "diffusers, StableDiffusionPipeline",
        f"{TRAINING_SCENES}, with their captions; the VAE also the first {SCENE_COUNTS[128]} of them at 128 pixels",
        {
            "psnr": "dB of the VAE's reconstruction",
            "generated_shape": "generated images whose shape a supervised network recognises",
            "generated_background": "generated images whose background it recognises",
        },
    ),
    **{name: _backbone(name) for name in ("resnet18-w25", "resnet18-w50", "mit_b0-w50")},
}
