"""`seglet serve`: a REST server that answers images with masks."""

import argparse
from pathlib import Path

from seglet.cli.options.inference import add_inference_options, read_inference_options
from seglet.cli.output import print_result
from seglet.cli.parsing import add_device, add_json, positive_fraction, whole_number
from seglet.engine.console import print_message
from seglet.web.limits import UPLOAD_MEGABYTES, UPLOAD_PIXELS

_DESCRIPTION = """\
Serve a segmenter by HTTP until Ctrl-C or SIGTERM: POST an image to /predict, as the body or as `image` of a form, and
get the mask of `seglet predict` as a palette PNG, or with ?format=json the classes with their shares and confidence,
and with &polygons=true their outlines.
  seglet serve runs/mine
  seglet serve model.onnx --host 0.0.0.0 --port 8080 --token-file token.txt
Requests bring the token that is printed (Authorization: Bearer TOKEN), or that of --token-file or of the environment
variable SEGLET_SERVE_TOKEN. /docs describes all addresses, /openapi.json too; /classes lists the classes, /health says
that the server is up, /metrics is for Prometheus."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", help="a segmenter's folder, a run's folder, an exported .onnx file, or a hub name")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at (127.0.0.1, this machine alone)")
    parser.add_argument(
        "--port", type=whole_number(0, 65535), default=8000, help="port to serve at, 0 for a free one (8000)"
    )
    parser.add_argument(
        "--allow-host", nargs="+", default=[], metavar="NAME", help="further host names that requests may use"
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="file with the token that requests must bring")
    parser.add_argument("--no-token", action="store_true", help="answer everybody who can reach the server")
    parser.add_argument(
        "--max-megabytes", type=whole_number(1, 2000), default=UPLOAD_MEGABYTES, metavar="N",
        help=f"largest image file ({UPLOAD_MEGABYTES})",
    )  # fmt: skip
    parser.add_argument(
        "--max-pixels", type=whole_number(1, 10**9), default=UPLOAD_PIXELS, metavar="N",
        help=f"largest image ({UPLOAD_PIXELS // 10**6} million pixels)",
    )  # fmt: skip
    parser.add_argument(
        "--queue", type=whole_number(0, 10_000), default=16, metavar="N",
        help="requests that may wait while one is computed (16); further ones get 429",
    )  # fmt: skip
    parser.add_argument(
        "--wait", type=whole_number(1, 3600), default=30, metavar="S", help="seconds after which a waiting one gets 503"
    )
    parser.add_argument(
        "--resize", type=positive_fraction, default=1.0, help="segment at this fraction of the size (default 1)"
    )
    parser.add_argument("--thresholds", nargs="+", metavar="CLASS=P", help="as of `seglet predict`")
    add_device(parser)
    add_json(parser)
    add_inference_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from seglet.inference.models import load_colour_model
    from seglet.serving.limits import ServiceLimits
    from seglet.serving.server import Address, checked_application, read_token, serve_until_stopped
    from seglet.serving.service import MaskService

    options = replace(read_inference_options(arguments), thresholds=tuple(arguments.thresholds or ()))
    token, is_new = read_token(arguments.token_file, arguments.no_token)
    address = Address(arguments.host, arguments.port, tuple(arguments.allow_host))
    limits = ServiceLimits(arguments.max_megabytes, arguments.max_pixels, arguments.queue, arguments.wait)
    service = MaskService(load_colour_model(arguments.model, arguments.device), options, limits)
    application = checked_application(service, address.hosts, token)
    if address.open_to_others:
        print_message(f"warning: what is sent to {address.host} is not encrypted; put a proxy with TLS before it"
                      + (", and everybody who reaches it is answered" if token is None else ""))  # fmt: skip

    def ready(at: str) -> None:
        file = arguments.token_file
        shown = token if is_new else "$SEGLET_SERVE_TOKEN" if file is None else f"$(cat {file})"
        header = "" if token is None else f'-H "Authorization: Bearer {shown}" '
        lines = [
            f"{at} serves {arguments.model}; Ctrl-C ends it",
            f"  curl {header}--data-binary @IMAGE {at}/predict -o mask.png",
            f"  {at}/docs describes the rest",
        ]
        print_result("\n".join(lines), {"address": at, "token": token if is_new else None}, arguments.json)

    serve_until_stopped(application, address, ready)
    print_message("stopped")
    return 0
