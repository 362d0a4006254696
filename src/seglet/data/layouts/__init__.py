"""Layouts of image folders that are recognised; one module for each layout."""
