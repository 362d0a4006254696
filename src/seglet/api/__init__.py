"""The Python front door: one module for each public function, which turns keywords into options and calls the rest.

`seglet` itself exports these functions, and imports them when they are first used.
"""
