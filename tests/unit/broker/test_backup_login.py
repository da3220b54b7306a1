"""A backup's programs reach the database as the settings say, TLS included."""

from psycopg.conninfo import conninfo_to_dict

from broker.backup import load, programs

DSN = "postgresql://u:secret@there:5433/name?sslmode=verify-full&sslrootcert=/ca.pem"


def test_a_program_is_told_how_to_check_the_server_and_no_password_stands_in_its_words(tmp_path):
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho "$@"\necho "$PGPASSWORD"\n')
    program.chmod(0o700)

    words, password = programs.run(program, DSN).splitlines()

    assert "sslmode=verify-full" in words
    assert "sslrootcert=/ca.pem" in words
    assert "secret" not in words
    assert password == "secret"


def test_a_command_is_told_too():
    assert conninfo_to_dict(load.url(DSN)) == conninfo_to_dict(DSN)
