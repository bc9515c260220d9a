"""What a person can get wrong in `notify` before anybody is told, each one line; header values are never shown."""

import json

import pytest

from service.errors import ConfigurationError
from service.notify.host import receivers
from service.sources import load

HOOK = {"name": "ops", "url": "http://127.0.0.1:1/"}


def loaded(**given):
    environ = {
        f"GRUARD_NOTIFY__{name.upper()}": json.dumps(each) if isinstance(each, list | dict) else str(each)
        for name, each in given.items()
    }
    return load(None, environ=environ).settings.notify


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"webhooks": [{**HOOK, "name": "a b"}]}, "name"),
        ({"webhooks": [{**HOOK, "kinds": ["proces"]}]}, "process"),
        ({"webhooks": [{**HOOK, "minseverity": "info"}]}, "did you mean `min_severity`"),
        ({"console_url": "console"}, "begins with http"),
    ],
)
def test_what_is_wrong_is_named(given, said):
    with pytest.raises(ConfigurationError, match=said) as raised:
        loaded(**given)
    assert str(raised.value).startswith(("notify.", "no setting notify."))
    assert "\n" not in str(raised.value)


def test_nothing_is_told_to_anybody_by_default():
    settings = loaded()
    assert settings.webhooks == ()
    assert settings.alertmanager.urls == ()


def test_header_values_are_secrets():
    settings = loaded(webhooks=[{**HOOK, "headers": {"Authorization": "Bearer abc"}}])
    assert "abc" not in repr(settings)
    assert settings.webhooks[0].headers["Authorization"].get_secret_value() == "Bearer abc"


def test_nobody_to_tell_and_two_of_one_name_are_errors():
    for given, said in (
        ({}, "nobody to tell: set notify.webhooks or notify.alertmanager.urls"),
        ({"webhooks": [HOOK, HOOK]}, "2 targets have the name ops"),
        ({"alertmanager": {"urls": ["http://a:1", "http://a:1/"]}}, "2 targets have the name alertmanager/a:1"),
        ({"alertmanager": {"urls": ["http://a:1"], "resend_s": 200}}, "at least twice resend_s"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            receivers(loaded(**given))
