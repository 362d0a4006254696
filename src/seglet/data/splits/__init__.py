"""Splits of a data set: official lists, named portions, and random or stratified draws."""
