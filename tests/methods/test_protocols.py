"""Optional parts of methods: each method names what it implements, and has nothing it does not name."""

import inspect
from typing import Any, ClassVar

import pytest
from torch import nn

from seglet import methods
from seglet.methods import base, protocols
from seglet.types import Labelled, Losses

PROTOCOLS = [
    kind
    for _, kind in inspect.getmembers(protocols, inspect.isclass)
    if kind.__module__ == protocols.__name__ and getattr(kind, "_is_protocol", False)
]


@pytest.mark.parametrize("name", methods.method_names())
def test_a_method_names_exactly_the_protocols_it_implements(name: str) -> None:
    kind = methods.load_method(name).Method
    implemented = {each.__name__ for each in PROTOCOLS if isinstance(kind, each)}
    assert implemented == {each.__name__ for each in PROTOCOLS if each in kind.__mro__}


def test_every_protocol_is_implemented_by_some_method() -> None:
    kinds = [methods.load_method(name).Method for name in methods.method_names()]
    assert [each.__name__ for each in PROTOCOLS if not any(isinstance(kind, each) for kind in kinds)] == []


def test_a_protocol_named_and_not_implemented_is_an_error() -> None:
    class Unfinished(base.Method[Labelled], protocols.BeforeStep):
        supervision = Labelled

        @classmethod
        def build(cls, config: Any, classes: Any, seed: int) -> "Unfinished":
            return cls()

        def losses(self, step: Labelled, progress: Any) -> Losses:
            raise NotImplementedError

    with pytest.raises(TypeError, match="before_step"):
        Unfinished.build(None, None, 0)


def test_protocols_are_recognised_without_being_named() -> None:
    class Scorer(nn.Module):
        validates_boundary: ClassVar[bool] = True

    assert isinstance(Scorer(), protocols.BoundaryValidation)
    assert not isinstance(nn.Module(), protocols.BoundaryValidation)
    assert not isinstance(nn.Module(), protocols.PseudoLabelValidation)
