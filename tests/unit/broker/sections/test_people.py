"""Settings of the web and of the people who use it."""

from broker.sections.people import WebSettings


def test_without_an_address_it_is_this_machine_and_the_port():
    assert WebSettings(port=4600).public_url == "http://localhost:4600"


def test_an_address_ends_without_a_slash():
    found = WebSettings(public_url="https://alerts.example.org/")

    assert found.public_url == "https://alerts.example.org"
