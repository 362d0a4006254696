"""Checks of a data set: every problem at once."""
