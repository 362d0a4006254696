"""How the embedded world is drawn: dice, shapes, looks, backgrounds, and the stage they meet on.

Everything that reaches a pixel is exact arithmetic (+ - × ÷ √ on raw random bits), so a scene is the same on every
machine. Lengths are fractions of the image's side unless they are said to be in pixels.
Axes everywhere: h rows, w columns.
"""
