"""The page: Gradio's components, and which of the desk's answers goes into which."""

from typing import Any

from seglet.webapp import html
from seglet.webapp.controller import Desk, Shown, Visit
from seglet.webapp.darkness_curve import LIGHTS
from seglet.webapp.open_vocabulary import Words

TITLE = "seglet"
FEW = 8
"""Classes that are looked for at first, before anybody typed."""
OPACITY = "(value) => { document.documentElement.style.setProperty('--seglet-opacity', value / 100); }"
"""Runs in the browser: nobody need be asked to look through a mask."""


class Page:
    """Everything on the page; with a method that makes masks from tags a field for these."""

    def __init__(self, gr: Any, desk: Desk) -> None:
        self.gr, self.desk = gr, desk
        tagged = next((viewer for viewer in desk.viewers if isinstance(viewer, Words)), None)
        words = () if tagged is None else tagged.classes
        gr.Markdown(
            f"# {TITLE}\nDrop images. Nothing leaves this machine, and nothing is kept when the page's command ends."
        )
        self.visit = gr.State(Visit())
        with gr.Row():
            self.files = gr.File(
                label="images", file_count="multiple", file_types=["image"], elem_id="seglet-files", height=120
            )
            with gr.Column():
                self.picker = gr.Dropdown([], label="image", elem_id="seglet-image")
                self.tags = gr.Textbox(
                    ", ".join(words) if len(words) <= FEW else "",
                    label="what is in it",
                    info="tags with commas between; Enter looks for them",
                    placeholder=", ".join(words) or "cat, dog",
                    visible=tagged is not None,
                    elem_id="seglet-tags",
                )
                self.layer = gr.Radio(
                    [html.MASK, html.CONFIDENCE], value=html.MASK, label="over it", elem_id="seglet-layer"
                )
                self.opacity = gr.Slider(0, 100, 60, step=1, label="opacity, %", elem_id="seglet-opacity")
        self.told = gr.HTML(elem_id="seglet-told")
        self.remark = gr.HTML(elem_id="seglet-remark")
        self.looks, self.tables = self._columns("look", "table")
        with gr.Accordion("In the dark", open=True):
            self.stops = gr.Slider(
                0, LIGHTS[-1], 0, step=0.5, label="stops of light taken away; each halves it", elem_id="seglet-stops"
            )
            (self.nights,) = self._columns("night")
            self.fade = gr.Button("When does it break?", elem_id="seglet-fade")
            self.curve = gr.HTML(elem_id="seglet-curve")
        with gr.Accordion("Take home", open=True):
            self.make = gr.Button("Make files: PNG, COCO, LabelMe", elem_id="seglet-make")
            self.offered = gr.File(label="files", file_count="multiple", interactive=False, elem_id="seglet-offered")
        self._connect()

    def _columns(self, *kinds: str) -> list[list[Any]]:
        """For each kind a place in the column of each viewer."""
        places: list[list[Any]] = [[] for _ in kinds]
        with self.gr.Row():
            for number in range(len(self.desk.viewers)):
                with self.gr.Column():
                    for kind, found in zip(kinds, places, strict=True):
                        found.append(self.gr.HTML(elem_id=f"seglet-{kind}-{number}"))
        return places

    def _connect(self) -> None:
        shown = [self.layer, self.remark, *self.looks, *self.tables]
        asked = [self.visit, self.picker, self.layer, self.tags]
        private = {"api_visibility": "private", "concurrency_id": "look"}
        arrived = [self.visit, self.told, self.picker, self.stops, self.curve, self.offered, *self.nights, *shown]
        for happens in (self.files.upload, self.files.clear, self.files.delete):
            happens(self._arrive, [self.files, self.layer, self.tags], arrived, **private)
        again = [self.stops, self.curve, *self.nights, *shown]
        self.picker.input(self._pick, asked, again, **private)
        self.tags.submit(self._pick, asked, again, **private)
        self.layer.input(self._show, asked, shown, **private)
        self.opacity.input(None, [self.opacity], None, js=OPACITY, **private)
        dark = [self.visit, self.picker, self.stops, self.tags]
        self.stops.input(self._dark, dark, self.nights, trigger_mode="always_last", **private)  # keys do not "release"
        self.fade.click(self._fade, [self.visit, self.picker, self.tags], self.curve, **private)
        self.make.click(self._offer, [self.visit, self.tags], [self.offered, self.told], **private)

    def _arrive(self, files: list[str] | None, layer: str, tags: str) -> list[Any]:
        visit, told = self.desk.arrive(files or [])
        names = [(dropped.name, place) for place, dropped in enumerate(visit.images)]
        picker = self.gr.update(choices=names, value=0 if names else None)
        shown = self._show(visit, 0, layer, tags)
        return [visit, told, picker, 0, "", None, *["" for _ in self.nights], *shown]

    def _pick(self, visit: Visit, place: int | None, layer: str, tags: str) -> list[Any]:
        """Another image, or other tags: what was said of the dark is gone."""
        return [0, "", *["" for _ in self.nights], *self._show(visit, place, layer, tags)]

    def _show(self, visit: Visit, place: int | None, layer: str, tags: str) -> list[Any]:
        shown: Shown = self.desk.show(visit, place or 0, layer, tags)
        chosen = layer if layer in shown.layers else html.MASK
        return [self.gr.update(choices=shown.layers, value=chosen), shown.remark, *shown.looks, *shown.tables]

    def _dark(self, visit: Visit, place: int | None, stops: float, tags: str) -> Any:
        drawn = self.desk.dark(visit, place or 0, stops, tags)
        return drawn if len(drawn) > 1 else drawn[0]

    def _fade(self, visit: Visit, place: int | None, tags: str) -> str:
        return self.desk.fade(visit, place or 0, tags)

    def _offer(self, visit: Visit, tags: str) -> list[Any]:
        files, told = self.desk.offer(visit, tags)
        return [files or None, told]


def build(gr: Any, desk: Desk) -> Any:
    """The page as Gradio's Blocks; `gr` is the module, which is imported where it is known that it is there."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        Page(gr, desk)
    return blocks
