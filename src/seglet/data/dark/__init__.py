"""Synthetic darkness: the image a camera would have taken of the same scene with a fraction of the light.

Two published pipelines share the same steps: undo the camera's processing, reduce the light, add sensor noise, process
again. Axes everywhere: h rows, w columns.
"""
