from stat import S_IMODE

import pytest
from cryptography.fernet import Fernet

from participants.demo import credentials
from participants.demo.failures import DemoError
from participants.demo.folder import Folder


def test_secrets_are_made_once_and_kept_where_only_the_owner_reads(folder: Folder) -> None:
    made = credentials.load_or_make(folder.credentials)
    assert credentials.load_or_make(folder.credentials) == made
    assert S_IMODE(folder.credentials.stat().st_mode) == 0o600
    assert S_IMODE(folder.path.stat().st_mode) == 0o700


def test_no_two_demos_share_a_secret() -> None:
    one, other = credentials.make(), credentials.make()
    assert one.api_token != other.api_token
    assert one.secret_key != other.secret_key


def test_the_encryption_key_is_one_that_fernet_takes() -> None:
    box = Fernet(credentials.make().encryption_key)
    assert box.decrypt(box.encrypt(b"token")) == b"token"


def test_secrets_are_not_shown() -> None:
    made = credentials.make()
    shown = repr(made)
    assert made.account_id in shown
    assert not any(secret in shown for secret in (made.api_token, made.secret_key, made.encryption_key))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"account_id": 1}'])
def test_a_damaged_file_is_not_replaced_behind_somebodys_back(folder: Folder, text: str) -> None:
    folder.credentials.write_text(text)
    with pytest.raises(DemoError, match="make demo-reset"):
        credentials.load_or_make(folder.credentials)
    assert folder.credentials.read_text() == text
