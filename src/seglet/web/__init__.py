"""Checks that the servers of seglet share: who may ask for something, and how much may arrive."""
