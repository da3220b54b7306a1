from broker.choices import words_of


def test_no_values_are_no_choices():
    assert words_of(()) == ()


def test_values_are_their_own_words():
    assert words_of(("wanted", "needs_rotation")) == (
        ("wanted", "wanted"),
        ("needs_rotation", "needs rotation"),
    )
