"""Attention between patches: clusters, refinement and compact storage."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.labels.attention.cluster_refinement import (
        ClusterPatches,
        RelationUpdate,
        attention_above_mean,
        identity_attention,
        normalise_rows,
        oracle_attention,
        refine_attention,
        same_group,
        uniform_attention,
    )
    from seglet.labels.attention.clusters import attention_clusters
    from seglet.labels.attention.feature_affinity import AffinityFusion, feature_affinity, fuse_affinities
    from seglet.labels.attention.low_rank import LowRankAttention, low_rank_attention

__all__ = [
    "AffinityFusion",
    "ClusterPatches",
    "LowRankAttention",
    "RelationUpdate",
    "attention_above_mean",
    "attention_clusters",
    "feature_affinity",
    "fuse_affinities",
    "identity_attention",
    "low_rank_attention",
    "normalise_rows",
    "oracle_attention",
    "refine_attention",
    "same_group",
    "uniform_attention",
]

_HOMES = {
    "AffinityFusion": "seglet.labels.attention.feature_affinity",
    "feature_affinity": "seglet.labels.attention.feature_affinity",
    "fuse_affinities": "seglet.labels.attention.feature_affinity",
    "ClusterPatches": "seglet.labels.attention.cluster_refinement",
    "LowRankAttention": "seglet.labels.attention.low_rank",
    "RelationUpdate": "seglet.labels.attention.cluster_refinement",
    "attention_above_mean": "seglet.labels.attention.cluster_refinement",
    "attention_clusters": "seglet.labels.attention.clusters",
    "identity_attention": "seglet.labels.attention.cluster_refinement",
    "low_rank_attention": "seglet.labels.attention.low_rank",
    "normalise_rows": "seglet.labels.attention.cluster_refinement",
    "oracle_attention": "seglet.labels.attention.cluster_refinement",
    "refine_attention": "seglet.labels.attention.cluster_refinement",
    "same_group": "seglet.labels.attention.cluster_refinement",
    "uniform_attention": "seglet.labels.attention.cluster_refinement",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
