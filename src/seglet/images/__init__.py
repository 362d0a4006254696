"""Image files and masks as arrays: one decoder for every command and for Python, and labels drawn over images."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.images.arrays import CheckHeader, read_array
    from seglet.images.drawing import colour_palette, mask_png, overlay_labels, write_mask
    from seglet.images.formats import (
        DECODING_ERRORS,
        IMAGE_FORMATS,
        MAX_PIXELS,
        RAW_SUFFIXES,
        TooLargeError,
        open_content,
        open_picture,
    )
    from seglet.images.header import ImageHeader, read_header
    from seglet.images.raw import develop_raw_file
    from seglet.images.reading import (
        decode_image,
        decode_mask,
        decode_stored,
        image_size,
        is_jpeg,
        picture_colours,
        read_image,
        read_mask,
    )
    from seglet.images.resizing import resize_by_factor
    from seglet.images.stored import StoredImage, UsedRange
    from seglet.images.value_range import (
        OWN_RANGE,
        Channel,
        WhiteLevels,
        channels_from_json,
        scale_to_bytes,
        white_level,
        white_levels_from_json,
    )
    from seglet.images.writing import write_png16

__all__ = [
    "DECODING_ERRORS",
    "IMAGE_FORMATS",
    "MAX_PIXELS",
    "OWN_RANGE",
    "RAW_SUFFIXES",
    "Channel",
    "CheckHeader",
    "ImageHeader",
    "StoredImage",
    "TooLargeError",
    "UsedRange",
    "WhiteLevels",
    "channels_from_json",
    "colour_palette",
    "decode_image",
    "decode_mask",
    "decode_stored",
    "develop_raw_file",
    "image_size",
    "is_jpeg",
    "mask_png",
    "open_content",
    "open_picture",
    "overlay_labels",
    "picture_colours",
    "read_array",
    "read_header",
    "read_image",
    "read_mask",
    "resize_by_factor",
    "scale_to_bytes",
    "white_level",
    "white_levels_from_json",
    "write_mask",
    "write_png16",
]

_HOMES = {
    "Channel": "seglet.images.value_range",
    "CheckHeader": "seglet.images.arrays",
    "DECODING_ERRORS": "seglet.images.formats",
    "IMAGE_FORMATS": "seglet.images.formats",
    "ImageHeader": "seglet.images.header",
    "MAX_PIXELS": "seglet.images.formats",
    "OWN_RANGE": "seglet.images.value_range",
    "RAW_SUFFIXES": "seglet.images.formats",
    "StoredImage": "seglet.images.stored",
    "TooLargeError": "seglet.images.formats",
    "UsedRange": "seglet.images.stored",
    "WhiteLevels": "seglet.images.value_range",
    "channels_from_json": "seglet.images.value_range",
    "colour_palette": "seglet.images.drawing",
    "decode_image": "seglet.images.reading",
    "decode_mask": "seglet.images.reading",
    "decode_stored": "seglet.images.reading",
    "develop_raw_file": "seglet.images.raw",
    "image_size": "seglet.images.reading",
    "is_jpeg": "seglet.images.reading",
    "mask_png": "seglet.images.drawing",
    "open_content": "seglet.images.formats",
    "open_picture": "seglet.images.formats",
    "overlay_labels": "seglet.images.drawing",
    "picture_colours": "seglet.images.reading",
    "read_array": "seglet.images.arrays",
    "read_header": "seglet.images.header",
    "read_image": "seglet.images.reading",
    "read_mask": "seglet.images.reading",
    "resize_by_factor": "seglet.images.resizing",
    "scale_to_bytes": "seglet.images.value_range",
    "white_level": "seglet.images.value_range",
    "white_levels_from_json": "seglet.images.value_range",
    "write_mask": "seglet.images.drawing",
    "write_png16": "seglet.images.writing",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
