"""A stranger's way from the sign-up to the code that reads the first alert."""

import re

import pytest

from tests.browser.conftest import DESK, PHONE
from tests.e2e.site import link_in
from tests.integration.accounts.conftest import code_in

SIZES = {"desk": DESK, "phone": PHONE}
EMAIL = "vera.{}@example.org"


@pytest.fixture
def activated(site, open_page):
    """Return a function that opens a window of a new account at its activation page."""

    def activate(name, *, scripts=True, size=DESK, theme="light"):
        page, watch = open_page(size, theme, scripts=scripts)
        address = EMAIL.format(name)
        page.goto(f"{site.url}/signup")
        page.get_by_label("E-mail").fill(address)
        page.get_by_role("button", name="Send me the mail").click()
        page.goto(link_in(site.mail_to(address)))
        page.get_by_role("button", name="Activate").click()
        page.get_by_role("heading", name=f"Welcome, vera.{name}").wait_for()
        return page, watch

    return activate


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_from_the_sign_up_to_the_code(size, theme, site, open_page, shoot):
    name = f"{size}-{theme}"
    address = EMAIL.format(name)
    page, watch = open_page(SIZES[size], theme)

    def seen(what):
        watch.fits()
        shoot(page, f"{what}-{name}")

    page.goto(f"{site.url}/signup")
    seen("signup")
    page.get_by_label("E-mail").fill(address)
    page.keyboard.press("Enter")  # a form is sent from the keyboard
    page.get_by_role("heading", name="Look into your mail").wait_for()
    seen("mailed")
    page.goto(link_in(site.mail_to(address)))
    seen("activate")
    page.get_by_role("button", name="Activate").click()
    page.get_by_role("heading", name="Welcome").wait_for()
    page.locator(".badge.ok").nth(1).wait_for()  # both credentials
    seen("activated")
    page.get_by_role("button", name="Copy").nth(1).click()
    password = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"[A-Za-z0-9]{32}", password)

    page.get_by_role("link", name="Choose topics and get code").click()
    page.get_by_role("heading", name="Connect").wait_for()
    seen("start")
    code = page.locator("#code-babamul")
    assert "babamul.ztf-test" in code.inner_text()
    page.get_by_label("babamul.none").check()
    page.locator("#code-babamul", has_text="babamul.none").wait_for()  # without a new page
    assert "topic=babamul.none" in page.url

    page.goto(f"{site.url}/profile")
    seen("profile")
    assert password not in page.content()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url(f"{site.url}/")
    page.goto(f"{site.url}/login?next=/profile")
    seen("login")
    page.get_by_label("E-mail").fill(address)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name=f"vera.{name}").wait_for()


def test_without_scripts_the_way_is_the_same(activated, site, shoot):
    page, _ = activated("plain", scripts=False)
    assert page.get_by_role("button", name="Copy").count() == 0  # nothing that does nothing
    page.get_by_role("link", name="Choose topics and get code").click()
    page.get_by_label("babamul.none").check()
    page.get_by_role("button", name="Show the code").click()

    assert "babamul.none" in page.locator("#code-babamul").text_content()
    page.goto(f"{site.url}/profile")
    page.get_by_label("Name").first.fill("telescope")
    page.get_by_role("button", name="Make a credential").click()
    assert "BABAMUL_KAFKA_PASSWORD=" in page.locator("#dotenv").text_content()


def test_credentials_and_tokens_are_made_and_deleted(activated, site, shoot):
    page, watch = activated("belongings")
    page.goto(f"{site.url}/profile")

    page.get_by_role("form", name="New Kafka credential").get_by_label("Name").fill("telescope")
    page.get_by_role("button", name="Make a credential").click()
    page.locator(".notice .badge.ok").wait_for()
    shoot(page, "credential-made")
    page.get_by_role("button", name="New password for telescope").click()
    page.locator(".notice .badge.ok").wait_for()
    page.get_by_label("Delete telescope").click()
    page.get_by_role("button", name="Delete telescope").click()
    page.get_by_text("is being deleted").wait_for()
    page.get_by_role("form", name="New personal token").get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Make a token").click()
    assert re.fullmatch(r"bbml_[A-Za-z0-9]{36}", page.locator("#token").inner_text())
    shoot(page, "token-made")
    page.get_by_role("button", name="Delete laptop").click()
    page.get_by_text("The token is deleted").wait_for()
    watch.fits()


def test_a_new_password_is_chosen_through_the_mail(activated, site, open_page, shoot):
    activated("reset")
    address = EMAIL.format("reset")
    page, watch = open_page()
    seen = len(site.mails.to(address))
    page.goto(f"{site.url}/login")
    page.get_by_role("link", name="Forgot the password").click()
    page.get_by_label("E-mail").fill(address)
    page.get_by_role("button", name="Send me the link").click()
    page.get_by_text("a mail with a code is on its way").wait_for()
    while len(site.mails.to(address)) == seen:
        page.wait_for_timeout(100)
    page.goto(link_in(site.mail_to(address)))
    page.get_by_label("New password").fill("weak")
    page.get_by_role("button", name="Set the password").click()
    page.get_by_text("must have 12 to 128 characters").wait_for()
    watch.expect("400")  # the browser notes the status of a refused form
    shoot(page, "reset-refused")
    page.get_by_label("New password").fill("Another-horse-8")
    page.get_by_label("E-mail").fill(address)
    page.get_by_label("Code from the mail").fill(code_in(site.mail_to(address)))
    page.get_by_role("button", name="Set the password").click()
    page.get_by_role("heading", name="The password is changed").wait_for()


def test_an_account_is_left(activated, site, shoot):
    page, watch = activated("leaving")
    page.goto(f"{site.url}/profile")
    page.get_by_role("link", name="Delete the account").click()
    shoot(page, "delete")
    page.get_by_label("Your e-mail").fill(EMAIL.format("leaving"))
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_role("heading", name="Your account is being deleted").wait_for()
    page.goto(f"{site.url}/profile")
    assert "/login" in page.url
    watch.fits()
