"""Local web page for predictions of dropped images; only `page` and `server` depend on Gradio."""
