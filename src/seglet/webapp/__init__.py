"""`seglet app`: a local page to drop images on. What it computes stands apart from the page, which is Gradio's."""
