"""Compiled functions: what they call is compiled with them, and nothing depends on a compiler."""

import subprocess
import sys

import numpy as np
import pytest
import structlog

from broker.compiled import FirstCall, NotCompiledError, compiled
from tests.environment import inherited


@compiled
def _square(number):
    return number * number


@compiled
def _sum_of_squares(values):
    total = 0
    for value in values:
        total += _square(value)
    return total


@pytest.fixture(autouse=True)
def cache_dir(monkeypatch, tmp_path):
    folder = tmp_path / "kept" / "here"
    monkeypatch.setenv("NIGHTJAR_COMPILED__CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def sum_of_squares():
    # Of its own: a test that ran before may have compiled the module's.
    return compiled(_sum_of_squares.plain)


def test_a_function_calls_another_and_is_kept_in_a_folder_that_only_we_enter(
    cache_dir, sum_of_squares
):
    assert sum_of_squares(np.array([1, 2, 3])) == 14

    assert list(cache_dir.rglob("*.nbi"))
    assert cache_dir.stat().st_mode & 0o077 == 0


def test_what_was_kept_and_is_torn_is_compiled_anew(cache_dir, sum_of_squares):
    numbers = np.array([1, 2, 3])
    sum_of_squares(numbers)
    for index in cache_dir.rglob("*.nbi"):
        index.write_bytes(b"")
    another = compiled(_sum_of_squares.plain)

    with structlog.testing.capture_logs() as logs:
        assert FirstCall(lambda: another(numbers)).works()

    assert [each["event"] for each in logs] == ["compiled.cache_forgotten"]
    assert all(index.stat().st_size for index in cache_dir.rglob("*.nbi"))


def test_switched_off_nothing_is_compiled(monkeypatch, sum_of_squares):
    monkeypatch.setenv("NIGHTJAR_COMPILED__ENABLED", "false")

    with pytest.raises(NotCompiledError):
        sum_of_squares(np.array([1]))
    with structlog.testing.capture_logs() as logs:
        assert not FirstCall(lambda: sum_of_squares(np.array([1]))).works()
    assert logs == []


def test_a_compiler_that_fails_is_warned_of_once(monkeypatch, tmp_path, sum_of_squares):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NIGHTJAR_COMPILED__CACHE_DIR", str(tmp_path / "file"))
    first = FirstCall(lambda: sum_of_squares(np.array([1])))

    with structlog.testing.capture_logs() as logs:
        assert [first.works(), first.works()] == [False, False]

    [warning] = logs
    assert warning["event"] == "compiled.unavailable"
    assert warning["cache_dir"] == str(tmp_path / "file")


def test_without_numba_the_plain_path_is_taken(monkeypatch, sum_of_squares):
    monkeypatch.setitem(sys.modules, "numba", None)

    assert not FirstCall(lambda: sum_of_squares(np.array([1]))).works()


def test_whoever_compiles_nothing_does_not_load_the_compiler():
    web = "import django; django.setup(); import broker.urls"
    code = f"import sys, pipeline.alerts.tasks; {web}; sys.exit('numba' in sys.modules)"
    environment = inherited({"DJANGO_SETTINGS_MODULE": "broker.settings"})

    assert (
        subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0
    )
