"""Darkness made from light: what a camera would have seen of the same scene with a fraction of the light.

Two published pipelines share one body: undo the camera's processing, take light away, add the sensor's noise, process
again. Axes everywhere: h rows, w columns.
"""
