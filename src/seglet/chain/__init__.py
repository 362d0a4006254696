"""The chain of commands from a folder of images and cheap labels to a checked ONNX file."""
