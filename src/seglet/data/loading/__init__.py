"""Loading: samplers, views, collation, loaders and data sets made of data sets."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.loading.dark_light_pairs import BrightenedDataset, DarkLightDataset, PairConfig
    from seglet.data.loading.data_config import DataConfig, SplitSource
    from seglet.data.loading.loaders import evaluation_samples, labelled_loader, tagged_loader
    from seglet.data.loading.partly_labelled import PartlyLabelledConfig, PartlyLabelledDataset
    from seglet.data.loading.partly_labelled_loader import partly_labelled_loader
    from seglet.data.loading.semi_dataset import SemiConfig, SemiDataset
    from seglet.data.loading.semi_supervised_loader import semi_loader
    from seglet.data.loading.step_sampler import CombinedSampler, EpochOrder, StepSampler, augmentation_rng, stream_seed
    from seglet.data.loading.wrapped_datasets import CachedDataset, JoinedDataset

__all__ = [
    "BrightenedDataset",
    "CachedDataset",
    "CombinedSampler",
    "DarkLightDataset",
    "DataConfig",
    "EpochOrder",
    "JoinedDataset",
    "PairConfig",
    "PartlyLabelledConfig",
    "PartlyLabelledDataset",
    "SemiConfig",
    "SemiDataset",
    "SplitSource",
    "StepSampler",
    "augmentation_rng",
    "evaluation_samples",
    "labelled_loader",
    "partly_labelled_loader",
    "semi_loader",
    "stream_seed",
    "tagged_loader",
]

_HOMES = {
    "BrightenedDataset": "seglet.data.loading.dark_light_pairs",
    "CachedDataset": "seglet.data.loading.wrapped_datasets",
    "CombinedSampler": "seglet.data.loading.step_sampler",
    "DarkLightDataset": "seglet.data.loading.dark_light_pairs",
    "DataConfig": "seglet.data.loading.data_config",
    "EpochOrder": "seglet.data.loading.step_sampler",
    "JoinedDataset": "seglet.data.loading.wrapped_datasets",
    "PairConfig": "seglet.data.loading.dark_light_pairs",
    "PartlyLabelledConfig": "seglet.data.loading.partly_labelled",
    "PartlyLabelledDataset": "seglet.data.loading.partly_labelled",
    "SemiConfig": "seglet.data.loading.semi_dataset",
    "SemiDataset": "seglet.data.loading.semi_dataset",
    "SplitSource": "seglet.data.loading.data_config",
    "StepSampler": "seglet.data.loading.step_sampler",
    "augmentation_rng": "seglet.data.loading.step_sampler",
    "evaluation_samples": "seglet.data.loading.loaders",
    "labelled_loader": "seglet.data.loading.loaders",
    "partly_labelled_loader": "seglet.data.loading.partly_labelled_loader",
    "semi_loader": "seglet.data.loading.semi_supervised_loader",
    "stream_seed": "seglet.data.loading.step_sampler",
    "tagged_loader": "seglet.data.loading.loaders",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
