import importlib

import pytest

from seglet import methods


def test_methods_are_the_folders() -> None:
    assert {"fotf", "supervised"} <= set(methods.method_names())
    assert "base" not in methods.method_names()


@pytest.mark.parametrize("name", methods.method_names())
def test_each_exports_its_config_and_its_method(name: str) -> None:
    package = importlib.import_module(f"seglet.methods.{name}")
    assert sorted(package.__all__) == ["Config", "Method"]
    package.Config()  # every key has a default


def test_wrong_name_lists_the_right_ones() -> None:
    with pytest.raises(ValueError, match=r"no method 'ftof'; did you mean 'fotf'\?.*supervised"):
        methods.load_method("ftof")
