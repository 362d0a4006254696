import pytest
from tools.bill_of_materials import bill_of_materials

TORCH = {
    "metadata": {"name": "Torch_X", "version": "2.0", "license_expression": "BSD-3-Clause AND MIT"},
    "download_info": {"archive_info": {"hashes": {"sha256": "ab"}}},
}
HERE = {"metadata": {"name": "seglet", "version": "1"}, "download_info": {"dir_info": {}}}


def test_each_package_has_its_address_hash_and_licence(tmp_path):
    [part] = bill_of_materials({"install": [TORCH, HERE]}, tmp_path)["components"]
    assert part["purl"] == "pkg:pypi/torch-x@2.0"
    assert part["hashes"] == [{"alg": "SHA-256", "content": "ab"}]
    assert part["licenses"] == [{"expression": "BSD-3-Clause AND MIT"}]


def test_a_licence_that_the_report_lacks_is_that_of_the_installed_package(tmp_path):
    report = {"install": [{**TORCH, "metadata": {"name": "ruff", "version": "1"}}]}
    assert bill_of_materials(report, tmp_path)["components"][0]["licenses"] == [{"expression": "MIT"}]


def test_weights_that_come_along_are_listed_with_their_hashes():
    bill = bill_of_materials({"install": []})
    kinds = {part["type"] for part in bill["components"]}
    assert kinds == {"machine-learning-model"}
    assert all(len(part["hashes"][0]["content"]) == 64 for part in bill["components"])


def test_the_same_report_gives_the_same_bill(tmp_path):
    assert bill_of_materials({"install": [TORCH]}, tmp_path) == bill_of_materials({"install": [TORCH]}, tmp_path)


def test_a_package_without_a_hash_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no sha256 of torch-x"):
        bill_of_materials({"install": [{**TORCH, "download_info": {}}]}, tmp_path)
