import importlib

import pytest

from seglet import methods


def test_methods_are_the_folders() -> None:
    assert {"fotf", "supervised"} <= set(methods.method_names())
    assert "base" not in methods.method_names()


@pytest.mark.parametrize("name", methods.method_names())
def test_each_exports_its_config_and_its_method(name: str) -> None:
    package = importlib.import_module(f"seglet.methods.{methods.method_folder(name)}")
    assert sorted(package.__all__) == ["Config", "Method"]
    package.Config()  # every key has a default


def test_underscores_of_a_folder_are_hyphens_of_the_name() -> None:
    loaded = methods.load_method("clip-es")
    assert loaded.name == methods.load_method(loaded.Method).name == "clip-es"


def test_wrong_name_lists_the_right_ones() -> None:
    with pytest.raises(ValueError, match=r"no method 'ftof'; did you mean 'fotf'\?.*supervised"):
        methods.load_method("ftof")
