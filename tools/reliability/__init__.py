"""Faults injected into seglet, many times each, and the share that it held: `make reliability`."""
