"""Splits of a data set: official lists and random draws."""
