# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Well formed and badly formed identifiers, made by hand from their published rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.arcodange.erp.plugins.module_utils.accounting.identifiers import (
    Identifier,
    compact,
    fault,
    siren_of_vat_number,
    vat_prefix,
)
from ansible_collections.arcodange.erp.plugins.module_utils.accounting.zones import zone_of


@pytest.mark.parametrize(
    ("identifier", "value"),
    [
        (Identifier.SIREN, "111111118"),
        (Identifier.SIREN, "356 000 000"),
        (Identifier.SIRET, "11111111800019"),
        # La Poste: the digits of an office add up to a multiple of five, 14 + 1; its head office follows Luhn.
        (Identifier.SIRET, "35600000000010"),
        (Identifier.SIRET, "35600000000048"),
        (Identifier.FR_VAT, "FR 44 111 111 118"),
        # 11111194412 is 97 times 114548396: the key 00 is as good as any.
        (Identifier.FR_VAT, "FR00111111944"),
        # Monaco has no SIREN: 000 after the key, (12 + 3 * (000000012 % 97)) % 97 = 48.
        (Identifier.FR_VAT, "FR48000000012"),
        (Identifier.EU_VAT, "DE111111125"),
        (Identifier.EU_VAT, "EL 094259216"),
        (Identifier.EU_VAT, "XI980780684"),
        (Identifier.GB_VAT, "GB 980 7806 84"),
        (Identifier.CH_UID, "CHE-107.787.577"),
        (Identifier.CH_VAT, "CHE-107.787.577 TVA"),
        (Identifier.US_EIN, "91-1144442"),
        (Identifier.GB_COMPANY, "SC123456"),
        (Identifier.IBAN, "FR76 3000 3099 9900 0000 0000 120"),
        (Identifier.NAF, "70.22Z"),
        (Identifier.NAF, "7022z"),
        (Identifier.RNA, "W751234567"),
        (Identifier.FR_ZIP, "01000"),
        (Identifier.US_ZIP, "80202-1234"),
        (Identifier.CH_ZIP, "8001"),
    ],
)
def test_what_follows_its_rule_has_no_fault(identifier: Identifier, value: str) -> None:
    assert fault(identifier, value) == ""


@pytest.mark.parametrize(
    ("identifier", "value", "why"),
    [
        (Identifier.SIREN, "333333335", "has a wrong check digit"),
        (Identifier.SIREN, "11111111", "has the wrong length"),
        (Identifier.SIREN, "en cours", "has the wrong form"),
        (Identifier.SIRET, "11111111800018", "has a wrong check digit"),
        (Identifier.SIRET, "33333333500011", "has a wrong check digit"),
        (Identifier.FR_VAT, "FR45111111118", "has a wrong check digit"),
        (Identifier.EU_VAT, "IE1111111AA", "has a wrong check digit"),
        (Identifier.EU_VAT, "GB980780684", "has a part that does not exist"),
        (Identifier.EU_VAT, "", "has a part that does not exist"),
        (Identifier.CH_VAT, "CHE-107.787.577", "has the wrong length"),
        (Identifier.US_EIN, "07-1144442", "has a part that does not exist"),
        (Identifier.IBAN, "FR7630003099990000000000121", "has a wrong check digit"),
        (Identifier.GB_COMPANY, "123456", "has the wrong form"),
        (Identifier.NAF, "70.22", "has the wrong form"),
        (Identifier.FR_ZIP, "7501", "has the wrong form"),
        (Identifier.FR_ZIP, "7501١", "has the wrong form"),
        (Identifier.US_ZIP, "80202-12", "has the wrong form"),
        (Identifier.CH_ZIP, "75011", "has the wrong form"),
    ],
)
def test_what_does_not_says_why(identifier: Identifier, value: str, why: str) -> None:
    assert fault(identifier, value) == why


@pytest.mark.parametrize(
    ("country", "vat_number", "prefix"),
    [
        ("FR", "", "FR"),
        ("MC", "", "FR"),
        ("RE", "", "FR"),
        ("GR", "", "EL"),
        ("DE", "", "DE"),
        ("GB", "GB1", "GB"),
        ("GB", "XI1", "XI"),
        ("CH", "", "CHE"),
        ("US", "", ""),
        ("JP", "", ""),
        ("", "", ""),
    ],
)
def test_vat_numbers_begin_as_their_country_does(country: str, vat_number: str, prefix: str) -> None:
    assert vat_prefix(country, zone_of(country, vat_number)) == prefix


@pytest.mark.parametrize(
    ("value", "siren"),
    [
        ("FR44111111118", "111111118"),
        ("fr 44 111 111 118", "111111118"),
        ("FR48000000012", ""),
        ("DE111111125", ""),
        ("44111111118", ""),
        ("", ""),
    ],
)
def test_the_siren_is_in_the_french_vat_number(value: str, siren: str) -> None:
    assert siren_of_vat_number(value) == siren


@settings(max_examples=60)
@given(st.sampled_from(Identifier), st.text(max_size=20) | st.text("0123456789ABCDEFGHIRX -.", max_size=20))
def test_nothing_that_a_person_can_type_is_an_accident(identifier: Identifier, value: str) -> None:
    assert fault(identifier, value) in {
        "",
        "has a wrong check digit",
        "has the wrong length",
        "has the wrong form",
        "has a part that does not exist",
    }


@settings(max_examples=30)
@given(st.integers(1, 999_999_99))
def test_the_key_of_a_french_vat_number_is_that_of_its_siren(body: int) -> None:
    # By hand: the ninth digit makes the sum of Luhn a multiple of ten, the key is (12 + 3 (SIREN mod 97)) mod 97.
    digits = [int(digit) for digit in f"{body:08d}"]
    doubled = [digit * 2 for digit in digits[1::2]]
    summed = sum(digits[0::2]) + sum(digit // 10 + digit % 10 for digit in doubled)
    siren = f"{body:08d}{-summed % 10}"
    key = (12 + 3 * (int(siren) % 97)) % 97
    assert fault(Identifier.SIREN, siren) == ""
    if not siren.startswith("000"):
        assert fault(Identifier.FR_VAT, f"FR{key:02d}{siren}") == ""
        assert fault(Identifier.FR_VAT, f"FR{(key + 1) % 97:02d}{siren}") == "has a wrong check digit"


def test_signs_do_not_count() -> None:
    assert compact(" fr 44-111.111/118 ") == "FR44111111118"
