"""The page's Gradio components, and their connections to the controller's actions."""

from typing import Any

from seglet.webapp import html
from seglet.webapp.controller import Controller, Visit
from seglet.webapp.darkness_curve import DARKENING_STOPS
from seglet.webapp.open_vocabulary import OpenVocabulary

_TITLE = "seglet"
_MOST_PREFILLED = 8
"""Classes that the field of tags is filled with at first; it stays empty if there are more."""
_OPACITY_SCRIPT = "(value) => { document.documentElement.style.setProperty('--seglet-opacity', value / 100); }"
"""Runs in the browser, so that the slider needs no request."""


class Page:
    """Components of the page; a method that makes masks from tags has a field for these."""

    def __init__(self, gr: Any, controller: Controller) -> None:
        self.gr, self.controller = gr, controller
        gr.Markdown(
            f"# {_TITLE}\nDrop images. Nothing leaves this machine, and nothing is kept when the page's command ends."
        )
        self.visit = gr.State(Visit())
        with gr.Row():
            self.files = gr.File(
                label="images", file_count="multiple", file_types=["image"], elem_id="seglet-files", height=120
            )
            with gr.Column():
                self._add_inputs()
        self.message = gr.HTML(elem_id="seglet-message")
        self.image_message = gr.HTML(elem_id="seglet-image-message")
        self.overlays, self.tables = self._columns("overlay", "table")
        with gr.Accordion("In the dark", open=True):
            self.stops = gr.Slider(
                0,
                DARKENING_STOPS[-1],
                0,
                step=0.5,
                label="stops of light taken away; each halves it",
                elem_id="seglet-stops",
            )
            (self.darkened,) = self._columns("dark")
            self.find_break = gr.Button("When does it break?", elem_id="seglet-find-break")
            self.curve = gr.HTML(elem_id="seglet-curve")
        with gr.Accordion("Download", open=True):
            self.make_files = gr.Button("Make files: PNG, COCO, LabelMe", elem_id="seglet-make-files")
            self.downloads = gr.File(
                label="files", file_count="multiple", interactive=False, elem_id="seglet-downloads"
            )
        self._connect()

    def _add_inputs(self) -> None:
        """Adds the choice of image, tags, layer and opacity."""
        gr, predictors = self.gr, self.controller.predictors
        tagged = next((predictor for predictor in predictors if isinstance(predictor, OpenVocabulary)), None)
        classes = () if tagged is None else tagged.classes
        self.picker = gr.Dropdown([], label="image", elem_id="seglet-image")
        self.tags = gr.Textbox(
            ", ".join(classes) if len(classes) <= _MOST_PREFILLED else "",
            label="what is in it",
            info="tags with commas between; Enter predicts their masks",
            placeholder=", ".join(classes) or "cat, dog",
            visible=tagged is not None,
            elem_id="seglet-tags",
        )
        layers = [html.MASK_LAYER, html.CONFIDENCE_LAYER]
        self.layer = gr.Radio(layers, value=html.MASK_LAYER, label="layer", elem_id="seglet-layer")
        self.opacity = gr.Slider(0, 100, 60, step=1, label="opacity, %", elem_id="seglet-opacity")

    def _columns(self, *kinds: str) -> list[list[Any]]:
        """Adds a column for each predictor; returns for each kind its components, one in each column."""
        components: list[list[Any]] = [[] for _ in kinds]
        with self.gr.Row():
            for number in range(len(self.controller.predictors)):
                with self.gr.Column():
                    for kind, found in zip(kinds, components, strict=True):
                        found.append(self.gr.HTML(elem_id=f"seglet-{kind}-{number}"))
        return components

    def _connect(self) -> None:
        view = [self.layer, self.image_message, *self.overlays, *self.tables]
        inputs = [self.visit, self.picker, self.layer, self.tags]
        private = {"api_visibility": "private", "concurrency_id": "predict"}
        cleared = [self.stops, self.curve, *self.darkened]
        received = [self.visit, self.message, self.picker, self.downloads, *cleared, *view]
        for event in (self.files.upload, self.files.clear, self.files.delete):
            event(self._receive_files, [self.files, self.layer, self.tags], received, **private)
        self.picker.input(self._change_image, inputs, [*cleared, *view], **private)
        self.tags.submit(self._change_image, inputs, [*cleared, *view], **private)
        self.layer.input(self._show_image, inputs, view, **private)
        self.opacity.input(None, [self.opacity], None, js=_OPACITY_SCRIPT, **private)
        dark = [self.visit, self.picker, self.stops, self.tags]
        # keys on a slider do not cause "release", so every change counts, and of those that wait the last one
        self.stops.input(self._darken_image, dark, self.darkened, trigger_mode="always_last", **private)
        self.find_break.click(self._draw_curve, [self.visit, self.picker, self.tags], self.curve, **private)
        self.make_files.click(self._make_downloads, [self.visit, self.tags], [self.downloads, self.message], **private)

    def _receive_files(self, files: list[str] | None, layer: str, tags: str) -> list[Any]:
        visit, message = self.controller.receive_files(files or [])
        names = [(upload.name, index) for index, upload in enumerate(visit.images)]
        picker = self.gr.update(choices=names, value=0 if names else None)
        return [visit, message, picker, None, *self._cleared(), *self._show_image(visit, 0, layer, tags)]

    def _change_image(self, visit: Visit, index: int | None, layer: str, tags: str) -> list[Any]:
        """Shows another image, or the same with other tags, and clears the results in the dark."""
        return [*self._cleared(), *self._show_image(visit, index, layer, tags)]

    def _cleared(self) -> list[Any]:
        """Returns the values of slider, curve and darkened images before anything is darkened."""
        return [0, "", *["" for _ in self.darkened]]

    def _show_image(self, visit: Visit, index: int | None, layer: str, tags: str) -> list[Any]:
        view = self.controller.show_image(visit, index or 0, layer, tags)
        chosen = layer if layer in view.layers else html.MASK_LAYER
        return [self.gr.update(choices=view.layers, value=chosen), view.message, *view.overlays, *view.tables]

    def _darken_image(self, visit: Visit, index: int | None, stops: float, tags: str) -> Any:
        drawn = self.controller.darken_image(visit, index or 0, stops, tags)
        return drawn if len(drawn) > 1 else drawn[0]

    def _draw_curve(self, visit: Visit, index: int | None, tags: str) -> str:
        return self.controller.draw_darkness_curve(visit, index or 0, tags)

    def _make_downloads(self, visit: Visit, tags: str) -> list[Any]:
        files, message = self.controller.make_downloads(visit, tags)
        return [files or None, message]


def build_page(gr: Any, controller: Controller) -> Any:
    """Returns the page as Gradio's Blocks; `gr` is the module, which only the caller imports."""
    with gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        Page(gr, controller)
    return blocks
