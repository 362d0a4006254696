"""Colour matrices of four cameras: from linear sRGB to the camera's own red, green and blue."""

import numpy as np
from jaxtyping import Float64

SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to XYZ, IEC 61966-2-1, white point D65."""

XYZ_TO_CAMERA = np.array(
    [
        [[1.0234, -0.2969, -0.2266], [-0.5625, 1.6328, -0.0469], [-0.0703, 0.2188, 0.6406]],
        [[0.4913, -0.0541, -0.0202], [-0.6130, 1.3513, 0.2906], [-0.1564, 0.2151, 0.7183]],
        [[0.8380, -0.2630, -0.0639], [-0.2887, 1.0725, 0.2496], [-0.0627, 0.1427, 0.5438]],
        [[0.6596, -0.2079, -0.0562], [-0.4782, 1.3016, 0.1933], [-0.0970, 0.1581, 0.5181]],
    ]
)
"""XYZ to the colours of the four cameras of the Darmstadt noise data set; as in Brooks et al., CVPR 2019."""

NUM_CAMERAS = len(XYZ_TO_CAMERA)


def srgb_to_camera(camera: int) -> Float64[np.ndarray, "3 3"]:
    """Returns the colour matrix of camera 0 to 3, scaled as in MAET's code.

    Every row should sum to 1, so that white stays white; their code divides the columns instead. The effect is small,
    since the inverse of the same matrix is applied afterwards: only the noise is tinted.
    """
    matrix = XYZ_TO_CAMERA[camera] @ SRGB_TO_XYZ
    return np.asarray(matrix / matrix.sum(axis=-1))
