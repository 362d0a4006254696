"""Networks from feature maps to class logits."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.heads.base import FCNHead, ForegroundClassifier, Head, Tail, classify_with_dropped_weights
    from seglet.models.heads.cam import CAMHead, cam_masks, mean_scores
    from seglet.models.heads.deeplabv2 import AtrousClassifier, DeepLabV2Head
    from seglet.models.heads.deeplabv3 import ASPP, DeepLabV3Head
    from seglet.models.heads.deeplabv3plus import DeepLabV3PlusHead
    from seglet.models.heads.dpt import DPTHead
    from seglet.models.heads.pspnet import PSPHead
    from seglet.models.heads.segformer import SegFormerHead
    from seglet.models.heads.ssss import GlobalCueInjection, MaskGrid, SSSSHead, StochasticGate, mix_by_gate
    from seglet.models.heads.vila import (
        CaptionFusion,
        CaptionStates,
        StreamOutput,
        StreamOutputs,
        ViLaHead,
        position_encoding,
        run_streams,
        stream_map_channels,
    )
    from seglet.models.heads.weclip_decoder import (
        DecoderBlock,
        LargeFieldClassifier,
        LayerFusion,
        TransformerClassifier,
        WeCLIPDecoder,
    )

__all__ = [
    "ASPP",
    "AtrousClassifier",
    "CAMHead",
    "CaptionFusion",
    "CaptionStates",
    "DPTHead",
    "DecoderBlock",
    "DeepLabV2Head",
    "DeepLabV3Head",
    "DeepLabV3PlusHead",
    "FCNHead",
    "ForegroundClassifier",
    "GlobalCueInjection",
    "Head",
    "LargeFieldClassifier",
    "LayerFusion",
    "MaskGrid",
    "PSPHead",
    "SSSSHead",
    "SegFormerHead",
    "StochasticGate",
    "StreamOutput",
    "StreamOutputs",
    "Tail",
    "TransformerClassifier",
    "ViLaHead",
    "WeCLIPDecoder",
    "cam_masks",
    "classify_with_dropped_weights",
    "mean_scores",
    "mix_by_gate",
    "position_encoding",
    "run_streams",
    "stream_map_channels",
]

_HOMES = {
    "ASPP": "seglet.models.heads.deeplabv3",
    "AtrousClassifier": "seglet.models.heads.deeplabv2",
    "CAMHead": "seglet.models.heads.cam",
    "CaptionFusion": "seglet.models.heads.vila",
    "CaptionStates": "seglet.models.heads.vila",
    "DPTHead": "seglet.models.heads.dpt",
    "DecoderBlock": "seglet.models.heads.weclip_decoder",
    "DeepLabV2Head": "seglet.models.heads.deeplabv2",
    "DeepLabV3Head": "seglet.models.heads.deeplabv3",
    "DeepLabV3PlusHead": "seglet.models.heads.deeplabv3plus",
    "FCNHead": "seglet.models.heads.base",
    "ForegroundClassifier": "seglet.models.heads.base",
    "GlobalCueInjection": "seglet.models.heads.ssss",
    "Head": "seglet.models.heads.base",
    "LargeFieldClassifier": "seglet.models.heads.weclip_decoder",
    "LayerFusion": "seglet.models.heads.weclip_decoder",
    "MaskGrid": "seglet.models.heads.ssss",
    "PSPHead": "seglet.models.heads.pspnet",
    "SSSSHead": "seglet.models.heads.ssss",
    "SegFormerHead": "seglet.models.heads.segformer",
    "StochasticGate": "seglet.models.heads.ssss",
    "StreamOutput": "seglet.models.heads.vila",
    "StreamOutputs": "seglet.models.heads.vila",
    "Tail": "seglet.models.heads.base",
    "TransformerClassifier": "seglet.models.heads.weclip_decoder",
    "ViLaHead": "seglet.models.heads.vila",
    "WeCLIPDecoder": "seglet.models.heads.weclip_decoder",
    "cam_masks": "seglet.models.heads.cam",
    "classify_with_dropped_weights": "seglet.models.heads.base",
    "mean_scores": "seglet.models.heads.cam",
    "mix_by_gate": "seglet.models.heads.ssss",
    "position_encoding": "seglet.models.heads.vila",
    "run_streams": "seglet.models.heads.vila",
    "stream_map_channels": "seglet.models.heads.vila",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
