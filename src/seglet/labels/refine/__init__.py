"""Refinement of score maps along image edges."""
