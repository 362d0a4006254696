"""Side-by-side speed: ours and a rival in one process, in turn, one thread. `python -m benchmarks list` names them."""
