"""Names of studies."""

from hypothesis import given
from hypothesis import strategies as st

from hpsearch.system.names import is_study_name, study_name


@given(st.lists(st.text(max_size=120), max_size=3))
def test_a_name_can_be_made_of_any_text(texts):
    assert is_study_name(study_name(*texts))


def test_the_first_text_with_a_usable_character_gives_the_name():
    assert study_name("...", "a b/ü.c_", "other") == "a-b-.c"
    assert study_name("", "-") == "study"
    assert len(study_name("x" * 500)) == 80
    assert not is_study_name("x" * 101)
    assert not is_study_name("a\n")
