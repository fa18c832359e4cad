# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address and the key of a Dolibarr: what is accepted, and what an error may show."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.arcodange.erp.plugins.module_utils.dolibarr.options import BadOptions, DolibarrOptions

URL = "https://erp.example.com"


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://erp.example.com", "https://erp.example.com/api/index.php"),
        ("https://erp.example.com/", "https://erp.example.com/api/index.php"),
        (" http://10.0.0.2:8080/dolibarr ", "http://10.0.0.2:8080/dolibarr/api/index.php"),
        ("https://erp.example.com/api/index.php/", "https://erp.example.com/api/index.php"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]/api/index.php"),
    ],
)
def test_the_address_of_the_api_is_made_of_that_of_dolibarr(url: str, base: str) -> None:
    assert DolibarrOptions(url, api_key="k").base() == base


@pytest.mark.parametrize(
    "url", ["", "erp.example.com", "ftp://erp.example.com", "https://", "https://erp:port", "//erp"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadOptions, match="dolibarr_url is not an address: give one such as https://erp.example.com"):
        DolibarrOptions(url, api_key="k").base()


@pytest.mark.parametrize("url", ["https://me:hush@erp.example.com", f"{URL}/?DOLAPIKEY=hush", f"{URL}/#hush"])
def test_a_secret_in_the_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(BadOptions) as caught:
        DolibarrOptions(url, api_key="k").base()
    assert "hush" not in str(caught.value)


def test_a_key_in_a_file_that_only_its_owner_reads_is_taken(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret\n")
    file.chmod(0o600)
    assert DolibarrOptions(URL, api_key_file=str(file)).key() == "s3cret"
    file.chmod(0o400)
    assert DolibarrOptions(URL, api_key_file=str(file)).key() == "s3cret"


def test_the_option_wins_over_the_file() -> None:
    assert DolibarrOptions(URL, api_key=" from-option ", api_key_file="/nowhere").key() == "from-option"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_key_file_that_others_may_read_is_refused(tmp_path: pathlib.Path, mode: int) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret")
    file.chmod(mode)
    with pytest.raises(BadOptions) as caught:
        DolibarrOptions(URL, api_key_file=str(file)).key()
    assert f"{file} has mode {mode:04o}, so that others may read it: chmod 600 it" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_key_file_that_cannot_be_read_says_why(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadOptions, match=r"cannot be read \(No such file or directory\): check its path"):
        DolibarrOptions(URL, api_key_file=str(tmp_path / "none")).key()
    with pytest.raises(BadOptions, match=r"cannot be read \(Is a directory\)"):
        DolibarrOptions(URL, api_key_file=str(tmp_path)).key()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadOptions, match=r"cannot be read \(it is not text\)"):
        DolibarrOptions(URL, api_key_file=str(tmp_path / "binary")).key()


def test_no_key_at_all_names_the_ways_to_give_one() -> None:
    with pytest.raises(BadOptions, match="dolibarr_api_key, DOLIBARR_API_KEY or dolibarr_api_key_file"):
        DolibarrOptions(URL).key()


@pytest.mark.parametrize("key", ["two words", "hush\nhush", "clé", "hush\x00"])
def test_what_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(BadOptions) as caught:
        DolibarrOptions(URL, api_key=key).key()
    assert "dolibarr_api_key holds no key" in str(caught.value)
    assert "hush" not in str(caught.value) and "clé" not in str(caught.value)


def test_the_key_is_not_in_a_representation() -> None:
    assert "hush" not in repr(DolibarrOptions(URL, api_key="hush"))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"timeout": 0}, "dolibarr_timeout is 0"), ({"connections": 0}, "dolibarr_connections is 0: give 1 or more")],
)
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, int], told: str) -> None:
    with pytest.raises(BadOptions, match=told):
        DolibarrOptions(URL, api_key="k", **wrong)  # type: ignore[arg-type]


def test_a_ca_bundle_must_be_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadOptions, match="ca.pem cannot be read: give the path of a PEM file"):
        DolibarrOptions(URL, api_key="k", ca_bundle=str(tmp_path / "ca.pem"))
