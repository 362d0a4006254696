"""The embedded world: synthetic scenes of shapes on backgrounds, drawn from a seed, with complete annotation.

Everything that decides a pixel is exact arithmetic (+ - × ÷ √ on raw random bits), so a scene is the same on every
machine. Lengths are fractions of the image's side unless stated in pixels.
Axes everywhere: h rows, w columns.
"""
