"""Settings: which layer wins, and one line for whatever is wrong in any of them."""

from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.settings import Settings
from service.sources import load


def written(folder: Path, text: str) -> Path:
    file = folder / "gruard.yaml"
    file.write_text(text)
    return file


def refusal(tmp_path: Path, text: str | None = None, **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(None if text is None else written(tmp_path, text), environ=environ)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_without_any_layer_everything_is_a_default():
    loaded = load(None, environ={})
    assert loaded.settings == Settings()
    assert loaded.origin(("http", "port")) == "default"


def test_environment_wins_over_the_file_and_an_option_over_both(tmp_path):
    file = written(tmp_path, "http: {port: 1, host: a}\nkafka: {group: from-file}\n")
    environ = {"GRUARD_HTTP__PORT": "2", "GRUARD_HTTP__HOST": "b"}
    loaded = load(file, {("http", "port"): 3}, environ)
    assert (loaded.settings.http.port, loaded.settings.http.host, loaded.settings.kafka.group) == (3, "b", "from-file")
    assert loaded.origin(("http", "port")) == "option"
    assert loaded.origin(("http", "host")) == "environment GRUARD_HTTP__HOST"
    assert loaded.origin(("kafka", "group")) == f"file {file}"


def test_an_option_that_was_not_given_changes_nothing():
    assert load(None, {("http", "port"): None}, {}).settings.http.port == 8080


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("GRUARD_DETECTOR__GAP__POLICY", "reset", ("detector", "gap", "policy"), "reset"),
        ("GRUARD_DETECTOR__FALSE_ALARMS_PER_DEVICE_DAY", "0.25", ("detector", "false_alarms_per_device_day"), 0.25),
        (
            "GRUARD_DETECTOR__FALSE_ALARMS_PER_DEVICE_DAY",
            '{"pump": 1}',
            ("detector", "false_alarms_per_device_day"),
            {"pump": 1},
        ),
        ("GRUARD_KAFKA__INPUT_TOPICS", '["a", "b"]', ("kafka", "input_topics"), ("a", "b")),
        ("GRUARD_KAFKA__GROUP", "42", ("kafka", "group"), "42"),
        ("GRUARD_ALERTS__CHANGE_EVENTS", "true", ("alerts", "change_events"), True),
        ("GRUARD_CRASH_AT", "staged:2", ("worker", "crash_at"), "staged:2"),
    ],
)
def test_an_environment_variable_takes_the_type_of_its_field(name, text, path, value):
    found: object = load(None, environ={name: text}).settings
    for part in path:
        found = getattr(found, part)
    assert found == value


def test_variables_of_others_are_left_alone():
    assert load(None, environ={"HOME": "/", "GRUARDIAN": "x"}).settings == Settings()


def test_an_empty_section_and_a_null_say_nothing(tmp_path):
    assert load(written(tmp_path, "http:\nmodels: {default: null}\n"), environ={}).settings == Settings()


def test_a_time_in_yaml_stays_the_text_it_was(tmp_path):
    window = "alerts: {maintenance: [{start: 2026-01-01T00:00:00Z, end: 2026-01-02T00:00:00Z}]}"
    assert load(written(tmp_path, window), environ={}).settings.alerts.maintenance[0].start == "2026-01-01T00:00:00Z"


def test_a_mapping_is_read_under_the_name_that_a_message_uses(tmp_path):
    mapping = load(written(tmp_path, "readings: {mapping: {class: /kind}}"), environ={}).settings.readings.mapping
    assert mapping is not None
    assert mapping.class_ == "/kind"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http: {prot: 1}", ("http.prot", "did you mean `port`")),
        ("htp: {port: 1}", ("htp", "did you mean `http`")),
        ("http: {port: 99999}", ("http.port = 99999", "65535")),
        ("stream: {kind: kafkaa}", ("stream.kind = 'kafkaa'", "'embedded' or 'kafka'")),
        ("http: 3", ("http = 3",)),
        ("detector: {gap: {after_periods: 0}}", ("detector.gap.after_periods = 0", "greater than 1")),
        ("detector: {sensors: {flow: {lo: 3}}}", ("detector.sensors.flow.lo", "did you mean `low`")),
        ("alerts: {maintenance: [{start: a, end: b, star: c}]}", ("alerts.maintenance.0.star", "`start`")),
        ("alerts: {maintenance: [{start: a}]}", ("alerts.maintenance.0.end", "required")),
        ("detector: {false_alarms_per_device_day: .inf}", ("false_alarms_per_device_day = inf",)),
        ("http: {port: 1, port: 2}", ("line 1", "`port` is given twice")),
        ("a: [", ("line 1, column 5",)),
        ("- 1", ("sections are expected",)),
        ("7: 1", ("no setting 7",)),
    ],
)
def test_a_bad_file_is_one_line_with_field_value_file_and_way_out(tmp_path, text, said):
    line = refusal(tmp_path, text)
    assert "gruard.yaml" in line
    for part in said:
        assert part in line


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GRUARD_HTTP__PORT", "abc", "http.port = 'abc'"),
        ("GRUARD_HTP__PORT", "1", "did you mean `http`"),
        ("GRUARD_HTTP", "1", "no setting http"),
        ("GRUARD_HTTP__", "1", "no setting http."),
        ("GRUARD_KAFKA__INPUT_TOPICS", "[a", "given as JSON"),
        ("GRUARD_CRASH_AT", "Nowhere!", "worker.crash_at"),
        ("GRUARD_DETECTOR__FALSE_ALARMS_PER_DEVICE_DAY", "many", "valid number"),
    ],
)
def test_a_bad_variable_is_one_line_that_names_it(tmp_path, name, value, said):
    line = refusal(tmp_path, **{name: value})
    assert said in line
    assert name in line


def test_several_mistakes_are_counted(tmp_path):
    assert "(2 more like this)" in refusal(tmp_path, "http: {port: -1}\nkafka: {group: 1}\nfoo: 1")


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path):
    for file in (tmp_path / "nothing.yaml", tmp_path):
        with pytest.raises(ConfigurationError, match="cannot read"):
            load(file, environ={})
    odd = tmp_path / "odd.yaml"
    odd.write_bytes(b"\xff\xfe\x00a: 1")
    with pytest.raises(ConfigurationError, match="not YAML"):
        load(odd, environ={})
