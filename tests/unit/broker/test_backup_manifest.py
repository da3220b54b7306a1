"""What a wrong word for a backup's folder is answered with."""

import pytest

from broker.backup import manifest
from broker.backup.errors import BackupError


def test_a_folder_that_is_not_there_is_no_half_backup(tmp_path):
    with pytest.raises(BackupError, match=f"there is no folder {tmp_path}/typo"):
        manifest.read(tmp_path / "typo")


def test_a_file_of_a_backup_is_not_its_folder(tmp_path):
    file = tmp_path / manifest.NAME
    file.write_text("{}")

    with pytest.raises(BackupError, match=f"{file} is a file: name the folder"):
        manifest.read(file)


def test_a_manifest_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / manifest.NAME).mkdir()

    with pytest.raises(BackupError, match=f"{manifest.NAME} cannot be read: Is a directory"):
        manifest.read(tmp_path)
