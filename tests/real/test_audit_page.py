# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of an audit in a real browser: it says nothing to the console, fetches nothing, and does what it offers."""

from __future__ import annotations

import base64
import functools
import io
import json
import pathlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pypdf
import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from ansible_collections.arcodange.erp.plugins.module_utils.invoices.html import render_html
from tests.support.audit_report import CLOSING, QUOTED, SCRIPT_NAME, report

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
CHARTS = ("receipts", "ageing", "vat", "findings")


def log(driver: Chrome, kind: str) -> list[dict[str, Any]]:
    """What the browser noted since it was asked before: ``browser`` is the console, ``performance`` the network."""
    entries: list[dict[str, Any]] = driver.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


class Opened:
    """The page as it was opened."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def script(self, code: str) -> Any:
        return self.driver.execute_script(code)

    def column(self, table: str, place: int) -> list[str]:
        """The cells of the rows that are shown."""
        cells = self.all(f"#{table} .item:not([hidden]) > td:nth-child({place})")
        cells = cells or self.all(f"#{table} .item:not([hidden]) > tr:first-child > td:nth-child({place})")
        return [cell.text for cell in cells]

    def click(self, selector: str) -> None:
        """Click as a person does: on what can be seen."""
        element = self.one(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def sort(self, table: str, place: int) -> None:
        self.click(f"#{table} > thead th:nth-child({place}) > span")

    def search(self, table: str, words: str) -> None:
        field = self.one(f".tools[data-for={table}] input")
        field.clear()
        field.send_keys(words)

    def choose(self, table: str, name: str, value: str) -> None:
        Select(self.one(f".tools[data-for={table}] select[data-filter={name}]")).select_by_value(value)

    def shown(self, table: str) -> str:
        return self.one(f".tools[data-for={table}] output").text


@pytest.fixture(scope="module")
def page_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "audit.html").write_text(render_html(report()), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def served(page_folder: pathlib.Path) -> Iterator[tuple[str, list[str]]]:
    """The address of the page, and what was asked of its server."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(page_folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/audit.html", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Debian's Chromium, which speaks English and keeps everything in a folder of the test."""
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    profile = tmp_path_factory.mktemp("profile")
    # As root it has no sandbox, and /dev/shm is small in containers.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    options.add_argument("--no-proxy-server")
    options.add_argument("--window-size=1280,1000")
    options.add_experimental_option("prefs", {"intl.accept_languages": "en"})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "*")
        driver = Chrome(options=options, service=ChromeService("/usr/bin/chromedriver"))
        try:
            yield driver
        finally:
            driver.quit()


@pytest.fixture
def page(browser: Chrome, page_folder: pathlib.Path) -> Iterator[Opened]:
    """The page as a file, opened for the first time; it may write nothing to the console."""
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        log(browser, kind)
    browser.get((page_folder / "audit.html").as_uri())
    opened = Opened(browser)
    opened.script("localStorage.clear()")
    browser.refresh()
    yield opened
    assert log(browser, "browser") == []
    assert opened.script("return window.pwned") is None


def test_charts_are_drawn(page: Opened) -> None:
    for name in CHARTS:
        drawing = page.one(f".chart.{name} svg")
        assert drawing.size["width"] > 300
        assert drawing.size["height"] > 100
        bars = page.all(f".chart.{name} rect:not(.track)")
        assert bars
        assert all(one.size["width"] > 0 and one.size["height"] > 0 for one in bars)
        fill = bars[0].value_of_css_property("fill")
        assert fill not in ("rgb(0, 0, 0)", "none")


def test_planted_names_are_text(page: Opened) -> None:
    names = page.column("invoices-table", 4)
    assert SCRIPT_NAME in names
    assert QUOTED in names
    assert SCRIPT_NAME in page.one("header .seller").text
    assert page.script("return document.images.length") == 0


def test_figures_sort_as_figures(page: Opened) -> None:
    page.sort("invoices-table", 6)
    assert page.column("invoices-table", 6)[:3] == ["−100.00", "−5.00", "5.00"]
    page.sort("invoices-table", 6)
    assert page.column("invoices-table", 6)[:2] == ["20,000.00\nUSD", "1,234.50"]
    assert page.one("#invoices-table th:nth-child(6)").get_attribute("aria-sort") == "descending"


def test_words_sort_as_a_dictionary_does(page: Opened) -> None:
    page.sort("payments-table", 2)
    names = page.column("payments-table", 2)
    assert [name for name in names if name in ("Abricot", "Éclair SAS", "Zèbre")] == ["Abricot", "Éclair SAS", "Zèbre"]
    assert page.all("#payments-table tfoot td")[4].text == "21,238.50"


def test_severities_sort_by_weight(page: Opened) -> None:
    page.sort("findings-table", 1)
    assert page.column("findings-table", 1) == ["Error"] * 2 + ["Warning"] * 3 + ["Remark"] * 2
    page.sort("findings-table", 1)
    assert page.column("findings-table", 1) == ["Remark"] * 2 + ["Warning"] * 3 + ["Error"] * 2


def test_a_heading_sorts_by_the_keyboard_too(page: Opened) -> None:
    page.script("document.querySelector('#invoices-table th:nth-child(2) > span').focus()")
    page.driver.switch_to.active_element.send_keys(" ")
    assert page.column("invoices-table", 2)[0].startswith("AV2602-0001")


def test_words_filter_without_accents_and_case(page: Opened) -> None:
    page.search("invoices-table", "eclair sas")
    assert page.column("invoices-table", 4) == ["Éclair SAS"]
    assert page.shown("invoices-table") == "1 of 6 shown"
    page.search("invoices-table", "")
    assert page.shown("invoices-table") == "6 of 6 shown"


def test_choices_filter_together(page: Opened) -> None:
    page.choose("findings-table", "severity", "warning")
    assert page.shown("findings-table") == "3 of 7 shown"
    page.choose("findings-table", "acceptance", "open")
    assert page.column("findings-table", 3) == ["FA2603-0002", "FA2604-0003"]
    page.choose("findings-table", "section", "payments")
    assert page.column("findings-table", 3) == ["FA2604-0003"]


def test_a_count_shows_what_it_counts(page: Opened) -> None:
    page.click(".counts .error a")
    assert page.shown("findings-table") == "2 of 7 shown"
    page.click(".counts .accepted a")
    assert page.column("findings-table", 3) == ["Maintenance"]
    page.click("#third-parties .lead a")
    assert page.shown("findings-table") == "2 of 7 shown"


def test_an_invoice_opens_with_its_evidence(page: Opened) -> None:
    page.click("#invoice-1 .opener")
    results = [one.text.replace("\n", " ") for one in page.all("#invoice-1 .result")]
    assert len(results) == 4
    assert results[0].startswith("Error Rate of late penalties The rate is too low: write the legal one.")
    assert f"Pénalités : 1,5 % {QUOTED}" in results[0]
    assert results[0].endswith("p. 2 C. com. art. L441-9 I · C. com. art. L441-10 II")
    assert f"Nobody knows: ask {CLOSING}." in results[1]
    assert results[2].startswith("Holds Early-payment discount")
    assert results[3] == "Does not apply Sole trader"
    page.sort("invoices-table", 6)
    assert page.one("#invoice-1 .detail").is_displayed()
    page.click("#invoice-1 .opener")
    assert not page.one("#invoice-1 .detail").is_displayed()


def test_a_finding_leads_to_its_invoice_even_where_a_filter_hides_it(page: Opened) -> None:
    page.search("invoices-table", "nothing at all")
    page.click("#findings-table .item:first-child .subject a")
    WebDriverWait(page.driver, 10).until(lambda _driver: page.one("#invoice-1 .detail").is_displayed())
    assert page.shown("invoices-table") == "6 of 6 shown"


def test_a_month_opens_with_its_return(page: Opened) -> None:
    page.click("#vat-table .opener")
    row = page.all("#vat-table .inner tbody tr")[0]
    assert row.text == "08 Taux normal 20 % 0207 1,002 200"


def test_the_page_speaks_both_languages(page: Opened) -> None:
    assert page.one("h1").text == "Audit of invoices"
    assert "Made on 2026-11-21 09:30 ·" in page.one("header").text
    assert page.one("#verdict .level").text == "To be corrected"
    page.search("invoices-table", "in order")
    assert page.shown("invoices-table") == "3 of 6 shown"
    page.search("invoices-table", "")
    page.click("#invoice-1 .opener")
    page.click("[data-language=fr]")
    page.search("invoices-table", "en ordre")
    assert page.shown("invoices-table") == "3 sur 6 affichés"
    page.search("invoices-table", "")
    assert page.script("return document.documentElement.lang") == "fr"
    assert page.one("h1").text == "Audit des factures"
    assert page.one("#verdict .level").text == "À corriger"
    assert page.column("invoices-table", 6)[0] == "1\u202f234,50"
    assert page.column("invoices-table", 3)[0] == "15/01/2026"
    assert "Taux des pénalités de retard" in page.one("#invoice-1 .result").text
    assert "En français : The rate is too low: write the legal one." in page.one("#invoice-1 .result").text
    assert "En français : " in page.one("#findings-table .found").text
    assert page.one(".chart.findings text").text == "Taux des pénalités de retard"
    assert "déc. 2025" in [text.text for text in page.all(".chart.receipts text")]
    assert CLOSING in page.one("#verdict").text
    page.driver.refresh()
    assert page.one("h1").text == "Audit des factures"
    page.click("[data-language=en]")
    assert page.column("invoices-table", 3)[0] == "2026-01-15"
    assert "En français" not in page.one("#findings-table .found").text
    assert "En français" not in page.one("#fill").text


def test_a_french_browser_reads_french(page: Opened) -> None:
    page.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": "x", "acceptLanguage": "fr-FR,fr"})
    try:
        page.driver.refresh()
        assert page.one("h1").text == "Audit des factures"
        assert page.one(".tools input").get_attribute("placeholder") == "Rechercher"
    finally:
        page.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": ""})


def test_a_phone_needs_no_scrolling_aside(page: Opened) -> None:
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        page.click("#invoice-1 .opener")
        assert page.script("return document.documentElement.scrollWidth") <= PHONE["width"]
        cell = page.one("#invoice-1 td:nth-child(4)")
        assert page.script("return getComputedStyle(document.querySelector('#invoices-table thead')).display") == "none"
        assert cell.get_attribute("data-heading") == "Customer"
        assert all(chart.size["width"] <= PHONE["width"] for chart in page.all(".chart svg"))
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_dark_screen_gets_light_text_and_paper_does_not(page: Opened) -> None:
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    try:
        assert brightness(page.one("h1").value_of_css_property("color")) > 180
        assert brightness(page.one("body").value_of_css_property("background-color")) < 60
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", **dark})
        assert brightness(page.one("h1").value_of_css_property("color")) < 60
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def brightness(color: str) -> float:
    """The mean of red, green and blue in rgb(1, 2, 3) or rgba(1, 2, 3, 1)."""
    return sum(int(part) for part in color.partition("(")[2].rstrip(")").split(",")[:3]) / 3


def test_paper_shows_everything_but_the_tools(page: Opened) -> None:
    page.script("document.querySelector('#invoice-1 .opener').click()")
    printed = page.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    sheets = pypdf.PdfReader(io.BytesIO(base64.b64decode(printed["data"]))).pages
    text = " ".join("\n".join(sheet.extract_text() for sheet in sheets).split())
    assert float(sheets[0].mediabox.width) == pytest.approx(595, abs=2)  # A4, upright
    known = ("To be corrected", "Receipts by month", "Gap in the numbers", "Nobody knows", SCRIPT_NAME)
    for words in (*known, "Question 6 has no answer"):
        assert words in text
    assert "Français" not in text
    assert "6 of 6 shown" not in text


def test_many_invoices_stay_usable(browser: Chrome, tmp_path: pathlib.Path) -> None:
    """A thousand invoices: the whole page is there, sorts and filters."""
    one = report()["invoices"][0]
    rows = [{**one, "id": number, "ref": f"FA{number:06}", "total_ttc": f"{number}.00"} for number in range(1, 1001)]
    place = tmp_path / "audit.html"
    place.write_text(render_html(report(invoices=rows, findings=[])), encoding="utf-8")
    browser.get(place.as_uri())
    page = Opened(browser)
    page.sort("invoices-table", 6)
    page.sort("invoices-table", 6)
    assert page.script("return document.querySelector('#invoices-table .item').id") == "invoice-1000"
    page.search("invoices-table", "fa000500")
    assert page.shown("invoices-table") == "1 of 1000 shown"


def test_nothing_is_asked_of_any_host(browser: Chrome, served: tuple[str, list[str]]) -> None:
    address, asked = served
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        log(browser, kind)
    browser.get(address)
    page = Opened(browser)
    page.click("#invoice-1 .opener")
    page.click("[data-language=fr]")
    page.click("[data-language=en]")
    assert log(browser, "browser") == []
    assert asked == ["/audit.html"]
    events = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    requests = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in requests if not url.startswith("data:")] == [address]


def test_a_script_that_is_put_into_the_page_does_not_run(browser: Chrome, page_folder: pathlib.Path) -> None:
    """Were there ever a hole, the policy of the page would stop what comes through it."""
    text = (page_folder / "audit.html").read_text(encoding="utf-8")
    holed = page_folder / "holed.html"
    holed.write_text(text.replace("<main>", "<main><script>window.pwned = 4</script><img src=x onerror='pwned = 5'>"))
    browser.get(holed.as_uri())
    assert browser.execute_script("return window.pwned") is None
    refused = [entry["message"] for entry in log(browser, "browser")]
    assert any("Content Security Policy" in message for message in refused)
