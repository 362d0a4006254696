"""What checks every annotated shape and type of seglet while the tests run."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""A whole number may stand where a float is expected, as PEP 484 has it."""
