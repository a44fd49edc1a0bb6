"""A config that was changed anyhow is read, or refused with a code; what is read comes back from its text."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import Config, ConfigError, dump, load, parse
from pipeline.config.locations import resolve
from pipeline.config.problems import visible
from tests.faults.fuzz.mutation import HOSTILE, attempt, mutations
from trainer.errors import TandemError

VALID = Path("examples/flights/config.yaml")
CODES = {"CONFIG-001", "CONFIG-002", "CONFIG-003", "CONFIG-004"}
LONGEST = 100_000


def check(error: TandemError) -> None:
    """A refusal has a code and a status, is short, and holds nothing that a terminal would obey."""
    assert error.code in CODES
    assert error.exit_status == 2
    assert visible(str(error)) == str(error)
    assert len(str(error)) < LONGEST


def accepted(text: str, overrides: tuple[str, ...] = ()) -> Config | None:
    """The config, or none if it was refused as it must be."""
    config, error = attempt(parse, text, overrides)
    if error is not None:
        check(error)
        return None
    assert parse(dump(config)) == config
    return config


@pytest.mark.parametrize("count", [100, pytest.param(6000, marks=pytest.mark.soak)])
def test_changed_bytes_are_read_or_refused(tmp_path: Path, count: int) -> None:
    file, read = tmp_path / "config.yaml", 0
    for content in mutations(VALID.read_bytes(), count, seed=count):
        file.write_bytes(content)
        config, error = attempt(load, file)
        read += config is not None
        if error is not None:
            check(error)
    assert 0 < read < count


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "place", ["x", "train.epochs", "train.seed", "label.classes", "data.path", "features.origin", "gate"]
)
def test_hostile_values_of_an_assignment_are_read_or_refused(hostile: bytes, place: str) -> None:
    text = hostile.decode("utf-8", "surrogateescape")
    accepted(VALID.read_text(), (f"{place}={text}",))
    accepted(VALID.read_text(), (f"{place}.{text}=1",))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
SECTIONS = ["name", "task", "label", "data", "features", "crosses", "model", "train", "check", "evaluate"]


@pytest.mark.parametrize("count", [60, pytest.param(3000, marks=pytest.mark.soak)])
def test_any_value_in_any_section_is_read_or_refused(count: int) -> None:
    valid = VALID.read_text()

    @settings(max_examples=count, derandomize=True, deadline=None, database=None)
    @given(st.sampled_from([*SECTIONS, "gate", "push", "beam", "gate.rules.0", "data.split"]), values)
    def one(section: str, value: object) -> None:
        accepted(valid, (f"{section}={json.dumps(value)}",))

    one()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &a [*a]", "refers to itself"),
        ("a: 1\na: 2", "key given twice"),
        ("a: !!python/object/apply:os.system ['exit 3']", "tag .*os.system is not supported"),
        ("!!python/name:os.system x: 1", "is not supported|unknown key"),
        ("a: !!str [1]", "is not supported"),
        ("a: !!int x", "no number"),
        ("a: !!float x", "no number"),
        ("a: " + "9" * 5000, "no number of at most 64 bits"),
        ("a: 0x" + "f" * 5000, "no number of at most 64 bits"),
        ("a: 9223372036854775808", "no number of at most 64 bits"),
        ("a: " + "[" * 100 + "]" * 100, "nested too deeply"),
        ("a: " + "[" * 100_000, "nested too deeply"),
        ('"\\ud800": 1', "surrogate"),
        ("? [a]\n: 1", "a key must be plain text"),
    ],
)
def test_what_yaml_allows_and_a_config_does_not_is_told(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(text)


def test_aliases_and_merges_that_multiply_are_refused_in_little_memory() -> None:
    lists = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9)
    )
    merges = "a: &a {x: 1}\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} {{<<: [{','.join([f'*{chr(97 + i)}'] * 9)}]}}\n" for i in range(9)
    )
    wide = "a: &a {" + ",".join(f"k{i}: 1" for i in range(2000)) + "}\nb: {<<: [" + "*a, " * 20_000 + "]}"
    child = """
        import sys
        from pipeline.config import ConfigError, parse
        for text in sys.stdin.read().split("---"):
            try:
                parse(text)
            except ConfigError as error:
                assert "repeat too many values" in str(error), error
            else:
                raise SystemExit("accepted")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(child)],
        input="---".join([lists, merges, wide]),
        text=True,
        capture_output=True,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_numbers_of_64_bits_and_long_digits_in_quotes_are_read() -> None:
    classes = ["9" * 400, "b"]
    config = accepted(VALID.read_text(), (f"label.classes=['{classes[0]}', b]", "train.class_weights="))
    assert config is not None
    assert config.label.classes == classes
    config = accepted(VALID.read_text(), ("data.limit=9223372036854775807",))
    assert config is not None
    assert config.data.limit == 2**63 - 1


def test_the_home_of_nobody_is_a_path_like_any_other(tmp_path: Path) -> None:
    assert resolve("~nobody-of-that-name/x.csv", tmp_path) == str(tmp_path / "~nobody-of-that-name/x.csv")


def test_long_keys_and_steering_characters_are_shortened_and_escaped_in_messages() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("? " + "k" * 1_000_000 + '\n: 1\n"\\e[2J\\u202E": 2')
    assert len(str(caught.value)) < 5000
    assert "\x1b" not in str(caught.value)
    assert r"\x1b[2J\u202e" in str(caught.value)


@pytest.mark.parametrize("place", ["data.path", "data.prepare", "data.split.eval_files", "push.directory"])
def test_a_path_with_a_nul_is_refused_by_its_key(place: str) -> None:
    with pytest.raises(ConfigError, match=rf"{place} .*a path cannot hold a NUL"):
        parse(VALID.read_text(), [f'{place}="a\\0.py:f"'])
