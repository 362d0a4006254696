"""Trained models on images: prediction, pseudo labels, refinement."""
